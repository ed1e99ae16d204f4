import { constants, hostname, setPriority } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '@daybook/infra/database/database.ts';
import { postgresWakeups } from '@daybook/infra/database/wakeups.ts';
import { folderFingerprint } from '@daybook/infra/runtime/fold-fingerprint.ts';
import { rebuild, rollBack, type RebuildOptions } from '@daybook/infra/runtime/rebuild/rebuild.ts';
import { postgresTopics } from '@daybook/infra/topics/postgres-topics.ts';
import type { AnyProjection } from '@daybook/kernel/projection.ts';
import { allProjections } from '@daybook/projectors/capabilities.ts';
import { eventsTopic } from '@daybook/schemas/contracts.ts';
import type { FolderOptions, RebuildCommandOptions } from '../program.ts';
import { exitCodes, type ExitCode } from '../sentences.ts';
import { stopSignals } from '../signals.ts';
import { withStoredLog, type StoredLog } from '../stored-log.ts';
import { named, progressLines, reportLines } from '../terminal/rebuild.ts';
import { writeLines } from '../terminal/printable.ts';

const print = (...lines: readonly string[]): void => {
  writeLines(lines);
};

/** Makes the tables of a read model anew beside those that serve, says what differs, and switches. */
export async function rebuildReadModel(name: string, options: RebuildCommandOptions): Promise<ExitCode> {
  const projection = projectionNamed(name);
  if (typeof projection === 'string') return refuse(projection);
  await withStoredLog(options, 'rebuild', (opened) =>
    prepared(projection, opened, options.share / 100, async (own) => {
      print(`Rebuilding ${name} from the log, beside the tables that serve.`);
      const progress = progressLines((text) => process.stdout.write(text), process.stdout.isTTY);
      const report = await rebuild({ ...own, dryRun: options.dryRun, onProgress: progress.show }).finally(
        progress.end,
      );
      print(...reportLines(name, report));
    }),
  );
  return exitCodes.ok;
}

/** Lets the view of a read model show the tables before. */
export async function rollBackReadModel(name: string, options: FolderOptions): Promise<ExitCode> {
  const projection = projectionNamed(name);
  if (typeof projection === 'string') return refuse(projection);
  await withStoredLog(options, 'rollback', (opened) =>
    prepared(projection, opened, 1, async (own) => {
      const { from, to, events } = await rollBack(own);
      print(
        `${name} went back from ${named(from)} to ${named(to)}, which took in ${events.toLocaleString('en')} events of the log first.`,
        `The other tables are kept: the same command goes back to them.`,
      );
    }),
  );
  return exitCodes.ok;
}

function refuse(sentence: string): ExitCode {
  writeLines([sentence], process.stderr);
  return exitCodes.usage;
}

/** The read model, or a sentence where there is none of this name. */
function projectionNamed(name: string): AnyProjection | string {
  const found = allProjections.find((projection) => projection.name === name);
  if (found !== undefined) return found;
  const names = allProjections.map((projection) => projection.name).join(', ');
  return `There is no read model "${name}". Known: ${names}.`;
}

async function prepared(
  projection: AnyProjection,
  { eventStore, database: { url }, log }: StoredLog,
  share: number,
  work: (own: RebuildOptions) => Promise<void>,
): Promise<void> {
  const database = openDatabase({ url, applicationName: 'daybook rebuild', poolSize: 8, log });
  const wakeups = postgresWakeups(database, log);
  const topics = postgresTopics({ database, wakeups, log });
  const signals = stopSignals();
  // Those who serve go first where processors are short.
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const folder = dirname(fileURLToPath(import.meta.resolve('@daybook/projectors/capabilities.ts')));
  try {
    await work({
      projection,
      database,
      eventStore,
      topics,
      wakeups,
      topic: eventsTopic,
      fingerprint: await folderFingerprint(folder),
      owner: `process ${String(process.pid)} on ${hostname()}`,
      share,
      log,
      signal: signals.signal,
    });
  } finally {
    signals.release();
    await topics.close();
    await wakeups.close();
    await database.close();
  }
}
