/** The services by name, in the order in which they start. */
import type { Service, ServiceName } from '@daybook/infra/platform.ts';
import { commandService } from '@daybook/command-service/main.ts';
import { projectors } from '@daybook/projectors/main.ts';
import { queryService } from '@daybook/query-service/main.ts';
import { sagas } from '@daybook/sagas/main.ts';
import { scrapers } from '@daybook/scrapers/main.ts';

export const services: Readonly<Record<ServiceName, Service>> = {
  'command-service': commandService,
  projectors,
  'query-service': queryService,
  sagas,
  scrapers,
};
