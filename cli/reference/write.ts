/** Writes the reference pages that are made from definitions; part of `npm run generate`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { referencePages } from './outputs.ts';

for (const [path, text] of referencePages()) writeFileSync(join(import.meta.dirname, '../..', path), text);
