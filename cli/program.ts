/** The words of the command line. What each does stands in `commands/`, loaded when it is asked for. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { exitCodes, tell } from './sentences.ts';
import { ending } from './signals.ts';
import { printable } from './terminal/printable.ts';
import { productVersion } from './version.ts';

/** What can run alone; `database` is the embedded PostgreSQL of the data folder. */
export const runnable = [
  'command-service',
  'query-service',
  'projectors',
  'sagas',
  'scrapers',
  'database',
] as const;

export type Runnable = (typeof runnable)[number];

type Output = Readonly<{ out: (text: string) => void; err: (text: string) => void }>;

const standard: Output = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

/** Runs the command that `argv` spells and answers with the exit code. Failures are told on standard error. */
export async function parseArgs(argv: readonly string[], output: Output = standard): Promise<number> {
  let code: number = exitCodes.ok;
  const program = makeProgram((result) => (code = result), output);
  try {
    await program.parseAsync([...argv]);
    return ending() ?? code;
  } catch (error) {
    const already = ending();
    if (already !== undefined) return already;
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const told = tell(error);
    output.err(`${told.sentence.split('\n').map(printable).join('\n')}\n`);
    return told.code;
  }
}

function makeProgram(finish: (code: number) => void, output: Output): Command {
  const program = new Command('daybook')
    .description('An event-sourced platform for small and medium businesses.')
    .version(productVersion)
    .configureOutput({ writeOut: output.out, writeErr: output.err })
    .exitOverride()
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText('after', closing);

  // Sub-commands inherit output and exit handling when they are made through `command`.
  folderOption(program.command('up'))
    .description('Start everything in this process, on one origin.')
    .addOption(portOption())
    .option('--demo', 'open a small shop, track it, and show what happens', false)
    .action(async (options: UpOptions) => {
      const { up } = await import('./commands/up.ts');
      finish(await up(options));
    });

  folderOption(program.command('run'))
    .description(
      'Start one service alone; the others are reached through the database and COMMAND_SERVICE_URL.',
    )
    .addArgument(new Argument('<service>', 'which one').choices(runnable))
    .addOption(portOption('PORT, else 4000 to 4004, in the order above'))
    .action(async (service: Runnable, options: FolderOptions & { port?: number }, command: Command) => {
      if (service === 'database' && options.port !== undefined) {
        command.error(
          'error: --port is for services; the embedded database takes a port of its own choice, and says which.',
        );
      }
      const { run } = await import('./commands/run.ts');
      finish(await run(service, options));
    });

  folderOption(program.command('migrate'))
    .description('Bring the database to this version, and say what was done.')
    .action(async (options: FolderOptions) => {
      const { migrateDatabase } = await import('./commands/migrate.ts');
      finish(await migrateDatabase(options));
    });

  folderOption(program.command('log'))
    .description('Print the log, one line an event, oldest first. Sealed fields stay sealed.')
    .option('-f, --follow', 'wait for more, until Ctrl-C', false)
    .option('--stream <name>', 'only one stream, such as product-…')
    .option('--type <type>', 'only events of a type, such as PriceObserved')
    .option('--tenant <id>', 'only one tenant')
    .option('--open', 'open sealed fields: shows personal data', false)
    .action(async (options: LogOptions) => {
      const { printLog } = await import('./commands/log.ts');
      finish(await printLog(options));
    });

  folderOption(program.command('explain'))
    .description(
      'Say how a row of a read model came to be: its events, who and what led to each, what followed.',
    )
    .addArgument(new Argument('<readModel>', 'such as products'))
    .addArgument(new Argument('<key>', 'the values of its key, with commas between them'))
    .option('--column <name>', 'only what changed this column')
    .option('--tenant <id>', 'whose row; needed where several have one of this key')
    .option('--limit <number>', 'how many of the newest events', limitNumber, 5)
    .option('--json', 'as the HTTP interface answers', false)
    .action(async (readModel: string, key: string, options: ExplainOptions) => {
      const { explain } = await import('./commands/explain.ts');
      finish(await explain(readModel, key, options));
    });

  parkedCommands(program, finish);

  folderOption(program.command('backup'))
    .description('Write everything that cannot be made anew to a folder, while Daybook runs or not.')
    .addArgument(new Argument('<directory>', 'where the backup is to be; nothing may be there yet'))
    .option('--with-secrets', 'put the development secrets of the data folder into it', false)
    .option('--without-pages', 'do not fail where the data folder holds none of the stored pages', false)
    .action(async (directory: string, options: BackupOptions) => {
      const { backUp } = await import('./commands/backup.ts');
      finish(await backUp(directory, options));
    });

  folderOption(program.command('restore'))
    .description('Restore a backup into an empty data folder or database. Nothing is ever written over.')
    .addArgument(new Argument('<directory>', 'the backup'))
    .option('--keys <directory>', 'a later backup whose data keys to take: who was erased since stays erased')
    .action(async (directory: string, options: RestoreOptions) => {
      const { restore } = await import('./commands/restore.ts');
      finish(await restore(directory, options));
    });

  folderOption(program.command('recover'))
    .description(
      'Bring read models and processes back to a log that lost its end or was restored under them.',
    )
    .action(async (options: FolderOptions) => {
      const { recover } = await import('./commands/recover.ts');
      finish(await recover(options));
    });

  folderOption(program.command('migrate-log'))
    .description(
      'Move the log between PostgreSQL and EventStoreDB, and let everything else follow it. Nothing may run meanwhile.',
    )
    .requiredOption('--from <log>', logNames)
    .requiredOption('--to <log>', 'where it is to be; empty, or holding the beginning of it')
    .action(async (options: MigrateLogOptions) => {
      const { migrateLog } = await import('./commands/migrate-log.ts');
      finish(await migrateLog(options));
    });

  folderOption(program.command('migrate-topics'))
    .description('Move the topics between PostgreSQL and Kafka. Nothing may run meanwhile, or be under way.')
    .addOption(
      new Option('--to <engine>', 'where they are to be')
        .choices(['kafka', 'postgresql'])
        .makeOptionMandatory(),
    )
    .action(async (options: MigrateTopicsOptions) => {
      const { migrateTopics } = await import('./commands/migrate-topics.ts');
      finish(await migrateTopics(options));
    });

  topicCommands(program, finish);

  folderOption(program.command('rebuild'))
    .description('Make the tables of a read model anew from the log, beside those that serve, and switch.')
    .addArgument(new Argument('<readModel>', 'such as products'))
    .option('--dry-run', 'say which rows would differ, and drop the new tables again', false)
    .option('--share <percent>', 'how much of the time it works: less spares those who serve', percentage, 50)
    .action(async (readModel: string, options: RebuildCommandOptions) => {
      const { rebuildReadModel } = await import('./commands/rebuild.ts');
      finish(await rebuildReadModel(readModel, options));
    });

  folderOption(program.command('rollback'))
    .description('Let a read model show the tables before its last rebuild, once they have what they missed.')
    .addArgument(new Argument('<readModel>', 'such as products'))
    .action(async (readModel: string, options: FolderOptions) => {
      const { rollBackReadModel } = await import('./commands/rebuild.ts');
      finish(await rollBackReadModel(readModel, options));
    });

  folderOption(program.command('doctor'))
    .description('Say in plain words what is missing or misconfigured, and what to do.')
    .addOption(portOption())
    .action(async (options: FolderOptions & { port?: number }) => {
      const { doctor } = await import('./commands/doctor.ts');
      finish(await doctor(options));
    });

  folderOption(program.command('demo'))
    .description('The same as "up --demo"; with --url, play against a Daybook that is running.')
    .addOption(portOption())
    .option('--url <url>', 'where the running one answers')
    .action(async (options: DemoOptions) => {
      const { demo } = await import('./commands/demo.ts');
      finish(await demo(options));
    });

  return program;
}

/** Topics beside the log. */
function topicCommands(program: Command, finish: (code: number) => void): void {
  const verify = program.command('verify').description('Compare what is derived from the log with it.');
  folderOption(verify.command('topics'))
    .description('Say what of the log is missing on the topics, and what of them is lost. Changes nothing.')
    .action(async (options: FolderOptions) => {
      const { verifyTopics } = await import('./commands/topics.ts');
      finish(await verifyTopics(options));
    });
  folderOption(program.command('republish'))
    .description(
      'Publish events once more, in order, and mend topics that lost messages. Repeats are passed over.',
    )
    .option('--from <position>', 'the first event (default: the first that is missing)')
    .option('--to <position>', 'the last event (default: the last that was published)')
    .action(async (options: RepublishOptions) => {
      const { republishEvents } = await import('./commands/topics.ts');
      finish(await republishEvents(options));
    });
}

/** What cannot go on until somebody acts. */
function parkedCommands(program: Command, finish: (code: number) => void): void {
  const parked = program
    .command('parked')
    .description('Show what cannot go on until somebody acts, retry it, or give it up.');
  const chosen = (command: Command): Command =>
    folderOption(command)
      .option('--consumer <name>', 'only of one consumer, such as products.v3')
      .addOption(new Option('--kind <kind>', 'only of one kind').choices(parkedKinds))
      .option('--tenant <id>', 'only of one tenant');
  chosen(parked.command('list'))
    .description('List it, longest parked first.')
    .option('--closed', 'what was decided before, newest first', false)
    .option('--json', 'as JSON', false)
    .action(async (options: ParkedOptions) => {
      const { printParked } = await import('./commands/parked.ts');
      finish(await printParked(options));
    });
  folderOption(parked.command('show'))
    .description('Explain one: what happened, what waits behind it, what to do.')
    .addArgument(new Argument('<id>', 'such as message-57'))
    .option('--json', 'as JSON', false)
    .action(async (id: string, options: ParkedOptions) => {
      const { showParked } = await import('./commands/parked.ts');
      finish(await showParked(id, options));
    });
  chosen(parked.command('retry'))
    .description('Have one handled anew, or all that the options choose, and behind it all that waits.')
    .addArgument(new Argument('[id]', 'such as message-57'))
    .action(async (id: string | undefined, options: ParkedOptions) => {
      const { retryParked } = await import('./commands/parked.ts');
      finish(await retryParked(id, options));
    });
  folderOption(parked.command('skip'))
    .description('Give one up for good; what waits behind it goes on.')
    .addArgument(new Argument('<id>', 'such as message-57'))
    .requiredOption('--reason <text>', 'why; recorded for good', reasonText)
    .action(async (id: string, options: ParkedOptions) => {
      const { skipParked } = await import('./commands/parked.ts');
      finish(await skipParked(id, options));
    });
}

function reasonText(text: string): string {
  const reason = text.trim();
  if (reason.length >= 1 && reason.length <= 500) return reason;
  throw new InvalidArgumentError('A reason has 1 to 500 characters.');
}

/** Kinds of what is parked. KEEP IN SYNC: infra/parking/parked.ts (a test compares). */
export const parkedKinds = ['message', 'effect', 'timer', 'relay'] as const;

const logNames =
  '"postgresql" (the database of the installation), "eventstoredb" (what EVENTSTORE_URL names), or its connection string';

export type FolderOptions = Readonly<{ data?: string }>;
export type MigrateLogOptions = FolderOptions & Readonly<{ from: string; to: string }>;
export type MigrateTopicsOptions = FolderOptions & Readonly<{ to: 'kafka' | 'postgresql' }>;
export type UpOptions = FolderOptions & Readonly<{ port?: number; demo: boolean }>;
export type RebuildCommandOptions = FolderOptions & Readonly<{ dryRun: boolean; share: number }>;
export type RepublishOptions = FolderOptions & Readonly<{ from?: string; to?: string }>;
export type DemoOptions = FolderOptions & Readonly<{ port?: number; url?: string }>;
export type BackupOptions = FolderOptions & Readonly<{ withSecrets: boolean; withoutPages: boolean }>;
export type RestoreOptions = FolderOptions & Readonly<{ keys?: string }>;
export type LogOptions = FolderOptions &
  Readonly<{ follow: boolean; stream?: string; type?: string; tenant?: string; open: boolean }>;

export type ExplainOptions = FolderOptions &
  Readonly<{ column?: string; tenant?: string; limit: number; json: boolean }>;

export type ParkedOptions = FolderOptions &
  Readonly<{
    consumer?: string;
    kind?: (typeof parkedKinds)[number];
    tenant?: string;
    reason?: string;
    closed?: boolean;
    json?: boolean;
  }>;

function folderOption(command: Command): Command {
  return command.option('--data <folder>', 'the data folder (default: DAYBOOK_DATA, else .daybook)');
}

function portOption(otherwise = 'PORT, else 4000'): ReturnType<Command['createOption']> {
  return new Command()
    .createOption('--port <number>', `TCP port (default: ${otherwise}); 0 takes a free one`)
    .argParser(portNumber);
}

function percentage(text: string): number {
  const percent = Number(text);
  if (/^\d+$/.test(text) && percent >= 1 && percent <= 100) return percent;
  throw new InvalidArgumentError('A share is a number from 1 to 100.');
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a number from 0 to 65535.');
}

function limitNumber(text: string): number {
  const limit = Number(text);
  if (/^\d+$/.test(text) && limit >= 1 && limit <= 1_000) return limit;
  throw new InvalidArgumentError('A limit is a number from 1 to 1000.');
}

const closing = `
Examples:
  daybook up --demo              see it work
  daybook up                     start it for real
  daybook log --follow           watch what is recorded
  daybook explain products <id>  say how a row came to be
  daybook parked list            see what waits for somebody to act
  daybook doctor                 find out what is wrong

Exit codes: 0 well · 1 failed · 2 wrong usage · 3 configuration · 4 data folder · 5 port in use · 130 stopped by a signal
`;
