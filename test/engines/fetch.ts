/** Fetches what the engines of tests run from: archives and libraries of Maven Central, by Maven, once a machine. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Fetching is bounded by so much, in milliseconds; a whole engine is 110 MB at most. */
const fetchTimeoutMs = 300_000;

/** Reads the artifact alone, without its descriptor: that of the registry names a parent that is not published. */
const copyGoal = 'org.apache.maven.plugins:maven-dependency-plugin:2.10:copy';
const copyAllGoal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';

/** Where engines are kept: `$XDG_CACHE_HOME/daybook/engines`, by default below `~/.cache`. */
export function cacheFolder(): string {
  const own = process.env['XDG_CACHE_HOME'];
  const base = own === undefined || own === '' ? join(homedir(), '.cache') : own;
  return join(base, 'daybook', 'engines');
}

/** What an engine lacks on this machine, in words; null where it can be fetched and run. */
export async function lacking(): Promise<string | null> {
  for (const [program, option] of [
    ['java', '-version'],
    ['mvn', '--version'],
  ] as const) {
    try {
      await run(program, [option], { timeout: 30_000 });
    } catch {
      return `${program} is not on this machine`;
    }
  }
  return null;
}

/** Its binding to Log4j, as its own archive has it: without it a broker that does not start says nothing. */
const kafkaLogging = '2.25.4';

/** Folder with Kafka's libraries. */
export function fetchKafka(version: string): Promise<string> {
  return fetched(`kafka-${version}-log4j-${kafkaLogging}`, async (folder) => {
    await writeFile(
      join(folder, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>daybook</groupId><artifactId>engine</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>${kafkaLogging}</version></dependency>
  </dependencies>
</project>
`,
    );
    await maven([
      '-f',
      join(folder, 'pom.xml'),
      copyAllGoal,
      '-DincludeScope=runtime',
      `-DoutputDirectory=${join(folder, 'lib')}`,
    ]);
  });
}

/** Folder with Apicurio Registry, unpacked. */
export function fetchApicurio(version: string): Promise<string> {
  return fetched(`apicurio-${version}`, async (folder) => {
    const artifact = `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`;
    await maven([copyGoal, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`]);
    const archive = join(folder, `apicurio-registry-app-${version}-all.tar.gz`);
    await run('tar', ['-xzf', archive, '-C', folder]);
    await rm(archive);
  });
}

/**
 * A complete folder of the cache. It is filled aside and moved into place, so that a fetch that dies leaves nothing
 * half, and of two at once either one's result serves both.
 */
async function fetched(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const place = join(cacheFolder(), name);
  if (await exists(place)) return place;
  const aside = join(cacheFolder(), `.${name}-${randomUUID()}`);
  await mkdir(aside, { recursive: true });
  try {
    await fill(aside);
    await rename(aside, place).catch(async (error: unknown) => {
      if (!(await exists(place))) throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return place;
}

async function maven(args: readonly string[]): Promise<void> {
  try {
    await run('mvn', ['--batch-mode', '--quiet', ...args], { timeout: fetchTimeoutMs, cwd: cacheFolder() });
  } catch (error) {
    const { stdout = '' } = error as { stdout?: string };
    throw new Error(`Maven could not fetch an engine:\n${stdout.slice(0, 2_000)}`, { cause: error });
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
