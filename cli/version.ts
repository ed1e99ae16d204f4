import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Version of the product: all packages share one. */
export const productVersion = (
  JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8')) as { version: string }
).version;
