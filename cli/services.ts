/** The services by name, in the order in which they start; each is loaded when it is needed. */
import type { Models, Service, ServiceName } from '@daybook/infra/platform.ts';

export const services: Readonly<Record<ServiceName, () => Promise<Service>>> = {
  'command-service': async () => (await import('@daybook/command-service/main.ts')).commandService,
  projectors: async () => (await import('@daybook/projectors/main.ts')).projectors,
  'query-service': async () => (await import('@daybook/query-service/main.ts')).queryService,
  sagas: async () => (await import('@daybook/sagas/main.ts')).sagas,
  scrapers: async () => (await import('@daybook/scrapers/main.ts')).scrapers,
};

/** Every read model and every process of this build. */
export async function loadModels(): Promise<Models> {
  const [{ allProjections }, { allProcesses }] = await Promise.all([
    import('@daybook/projectors/capabilities.ts'),
    import('@daybook/sagas/capabilities.ts'),
  ]);
  return { projections: allProjections, processes: allProcesses };
}
