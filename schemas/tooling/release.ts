/** Releases all schemas: adds those that are not in the lock yet. From then on they never change. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extendLock, lockFile, lockText, readLock } from './lock.ts';
import { generateOutputs, repositoryRoot } from './outputs.ts';

const lock = extendLock(readLock(repositoryRoot), generateOutputs().whole);
writeFileSync(join(repositoryRoot, lockFile), lockText(lock));
process.stdout.write(`${String(Object.keys(lock).length)} types are released.\n`);
