import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from '@daybook/infra/config/environment.ts';
import type { Environment } from '@daybook/infra/config/load.ts';
import { runningEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { pinoLog } from '@daybook/infra/logging/pino-log.ts';
import {
  checkChromium,
  checkConfiguration,
  checkDatabase,
  checkDatabaseAt,
  checkFolder,
  checkMail,
  checkNode,
  checkPort,
} from '../checks.ts';
import { folderPath } from '../data-folder.ts';
import { checkEngines } from '../engine-checks.ts';
import type { Finding } from '../finding.ts';
import type { CommonOptions } from '../invocation.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { databaseUrlIn, engineConfig } from '../start-checks.ts';
import { paint } from '../terminal/screen.ts';

/** Prints what it finds; changes nothing. */
export async function doctor(options: CommonOptions): Promise<ExitCode> {
  const env = environment();
  const folder = folderPath(options.data, env);
  const findings = await examine(folder, {
    ...env,
    DAYBOOK_DATA: folder,
    ...(options.port === undefined ? {} : { PORT: String(options.port) }),
  });
  process.stdout.write(`${findings.map((finding) => lines(finding, process.stdout.isTTY)).join('\n')}\n`);
  const wrong = findings.filter(({ verdict }) => verdict === 'wrong').length;
  process.stdout.write(
    wrong === 0 ? '\nReady to start.\n' : `\n${String(wrong)} to mend before it can start.\n`,
  );
  return wrong === 0 ? exitCodes.ok : exitCodes.failed;
}

async function examine(folder: string, env: Environment): Promise<readonly Finding[]> {
  const log = pinoLog({ level: 'silent' });
  const first = [checkNode(process.versions.node), await checkFolder(folder)];
  // Development secrets are made where they are missing: those of the check are thrown away.
  const made = await mkdtemp(join(tmpdir(), 'daybook-doctor-'));
  const { finding, config } = checkConfiguration({ ...env, DAYBOOK_DATA: made });
  await rm(made, { recursive: true, force: true });
  const given = databaseUrlIn(env);
  const databaseUrl = given ?? (await runningEmbeddedPostgres(join(folder, 'postgres')));
  const engines = await checkEngines({ config: config ?? engineConfig(env), databaseUrl, log });
  if (config === undefined) {
    const database = given === undefined ? [] : [await checkDatabaseAt(given, 'of DATABASE_URL', log)];
    return [...first, finding, ...[...database, ...engines].filter(({ verdict }) => verdict !== 'well')];
  }
  return [
    ...first,
    finding,
    await checkDatabase(config, folder, log),
    ...engines,
    await checkPort(config),
    checkChromium(config),
    await checkMail({ ...config, installation: { ...config.installation, dataFolder: folder } }),
  ];
}

/** A finding as lines: a mark, what it is about, what was found; under it what to do. */
export function lines({ about, verdict, says, todo }: Finding, colours: boolean): string {
  const marks = { well: '✓', note: '–', wrong: '✗' } as const;
  const colour = { well: paint.green, note: paint.yellow, wrong: paint.red } as const;
  const mark = colours ? colour[verdict](marks[verdict]) : marks[verdict];
  const text = `${mark} ${about.padEnd(14)} ${says.replaceAll('\n', `\n${' '.repeat(17)}`)}`;
  return todo === undefined ? text : `${text}\n${' '.repeat(17)}→ ${todo}`;
}
