/** A command in the middle of its work on an embedded database: waits, or prints without an end. */
import { setInterval as every } from 'node:timers/promises';
import { silentLog } from '@daybook/test/support/silent-log.ts';
import { openDataFolder } from './data-folder.ts';
import { provideDatabase } from './invocation.ts';
import { stopAtClosedOutput } from './signals.ts';

const [, , path = '', work] = process.argv;
stopAtClosedOutput(process.stdout);
await provideDatabase({ database: {} } as never, await openDataFolder(path), silentLog);
process.stdout.write('ready\n');
for await (const _ of every(5)) if (work === 'print') process.stdout.write('more\n');
