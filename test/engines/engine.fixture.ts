/** Starts a registry, says its URL and lives on, for a test that kills it. */
import { startRegistry } from './registry.ts';

const { url } = await startRegistry();
process.stdout.write(`${url}\n`);
setInterval(() => undefined, 60_000);
