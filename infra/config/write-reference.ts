/** Writes `docs/reference/configuration.md`. A unit test tells when the page and the schemas differ. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationReference } from './reference.ts';

writeFileSync(join(import.meta.dirname, '../../docs/reference/configuration.md'), configurationReference());
