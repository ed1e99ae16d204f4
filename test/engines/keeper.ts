/**
 * Keeps one engine: `node keeper.ts <folder> <program> <arguments>`. Starts it with its output in `<folder>/engine.log`,
 * says its process id, and kills it once whoever started the keeper is gone: standard input ends then, whatever the
 * end was. Ends with the engine; asked to end itself it takes the engine with it.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const [folder = '', program = '', ...args] = process.argv.slice(2);
const log = openSync(join(folder, 'engine.log'), 'a');
const engine = spawn(program, args, { cwd: folder, stdio: ['ignore', log, log] });
closeSync(log);

process.stdin.resume();
let abandoned = false;
process.stdin.on('end', () => {
  abandoned = true;
  engine.kill('SIGKILL');
});
// A terminal's interrupt reaches the whole group; who started the keeper stops the engine in order.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => engine.kill('SIGKILL'));
engine.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
engine.on('exit', (code) => {
  // Nobody is left to look into the folder.
  if (abandoned) rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? 1);
});
process.stdout.write(`${String(engine.pid ?? 0)}\n`);
