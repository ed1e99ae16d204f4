/** `npm run generate`: writes everything that is generated from the `.avsc` files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generateOutputs, repositoryRoot } from './outputs.ts';

const { files } = generateOutputs();
for (const [path, text] of files) {
  const file = join(repositoryRoot, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
process.stdout.write(`${String(files.size)} files generated.\n`);
