/** What keeps Daybook from starting, all of it in one message: that of the doctor. */
import { environment } from '@daybook/infra/config/environment.ts';
import { loadConfig, type Environment } from '@daybook/infra/config/load.ts';
import {
  daybookSettings,
  type ConfigOf,
  type DaybookConfig,
  type SettingsSchema,
} from '@daybook/infra/config/settings.ts';
import { pinoLog } from '@daybook/infra/logging/pino-log.ts';
import { DaybookError, isDaybookError } from '@daybook/kernel/errors.ts';
import { checkDatabaseAt } from './checks.ts';
import { checkEngines, type EngineConfig } from './engine-checks.ts';
import type { Finding } from './finding.ts';

/** Nothing that a check does is worth a line: what it finds is told. */
const quiet = pinoLog({ level: 'silent' });

/**
 * Looks at the engines that are named before anything is opened or migrated. A PostgreSQL of our own was started a moment
 * ago.
 * @throws `configuration-invalid` with all that is to be mended
 */
export async function expectEngines(config: StartConfig, databaseUrl: string): Promise<void> {
  if (!namesEngines(config)) return;
  const problems = await problemsOf(config, databaseUrl);
  if (problems.length > 0) throw refusal([], problems);
}

/**
 * For a configuration that was refused: what else is wrong with the engines that it names all the same.
 * @throws the refusal, with that added
 */
export async function refuseConfiguration(error: unknown): Promise<never> {
  const told = isDaybookError(error, 'configuration-invalid') ? error.fields['problems'] : undefined;
  if (typeof told !== 'string') throw error;
  const env = environment();
  const config = engineConfig(env);
  const problems = await problemsOf(config, databaseUrlIn(env));
  if (problems.length === 0) throw error;
  throw refusal(told.split('; '), problems);
}

/** The parts about engines that make sense by themselves. */
export function engineConfig(env: Environment): EngineConfig {
  return {
    ...part(daybookSettings.pick({ eventStore: true }), env),
    ...part(daybookSettings.pick({ registry: true }), env),
    ...part(daybookSettings.pick({ kafka: true }), env),
  };
}

/** `DATABASE_URL`, where it makes sense by itself. */
export function databaseUrlIn(env: Environment): string | undefined {
  return part(daybookSettings.pick({ database: true }), env)?.database.url;
}

function part<S extends SettingsSchema>(schema: S, env: Environment): ConfigOf<S> | undefined {
  try {
    return loadConfig(schema, env);
  } catch {
    return undefined;
  }
}

type StartConfig = EngineConfig & Pick<DaybookConfig, 'database'>;

function namesEngines({ database, eventStore, registry, kafka }: StartConfig): boolean {
  return (
    [database, eventStore, registry].some((part) => part?.url !== undefined) ||
    (kafka?.brokers.length ?? 0) > 0
  );
}

async function problemsOf(
  config: EngineConfig,
  databaseUrl: string | undefined,
): Promise<readonly Finding[]> {
  const [database, engines] = await Promise.all([
    databaseUrl === undefined ? [] : checkDatabaseAt(databaseUrl, 'of DATABASE_URL', quiet),
    checkEngines({ config, databaseUrl, log: quiet }),
  ]);
  return [database, engines].flat().filter(({ verdict }) => verdict === 'wrong');
}

function refusal(settings: readonly string[], problems: readonly Finding[]): DaybookError {
  const count = settings.length + problems.length;
  const lines = [
    ...settings.map((problem) => `  ${problem}`),
    ...problems.flatMap(({ about, says, todo = '' }) => [
      `  ${about}: ${says.replaceAll('\n', '\n  ')}`,
      `    → ${todo}`,
    ]),
    '"daybook doctor" says the same; docs/reference/configuration.md tells every variable.',
  ];
  return new DaybookError(
    'configuration-invalid',
    `Daybook does not start: ${count === 1 ? 'one thing is' : `${String(count)} things are`} to be mended first.\n${lines.join('\n')}`,
  );
}
