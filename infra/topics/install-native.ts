/**
 * `npm run kafka:native`: installs the native client of Kafka for `KAFKA_DRIVER=rdkafka` into `native/`, outside the
 * workspaces and their lock. Its binary comes ready made for this Node and system where there is one and GitHub is
 * reached; otherwise it is compiled, which takes a compiler, make, Python and the headers of OpenSSL and zlib.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadRdkafka, nativeFolder } from './rdkafka-client.ts';

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Where the headers of this very Node are: beside it, or in the package that brought it; null where it has none. */
function headersFolder(): string | null {
  const own = dirname(dirname(process.execPath));
  const platform = `node-${process.platform}-${process.arch}`;
  const candidates = [own, join(own, 'node_modules', platform), join(own, '..', platform)];
  return candidates.find((folder) => existsSync(join(folder, 'include/node/node.h'))) ?? null;
}

function install(settings: Readonly<Record<string, string>>): Promise<boolean> {
  const headers = headersFolder();
  // eslint-disable-next-line no-restricted-properties -- Handed on to npm, and nothing of it read.
  const inherited = process.env;
  const child = spawn(
    'npm',
    [
      'install',
      '--no-audit',
      '--no-fund',
      '--workspaces=false',
      '--ignore-scripts=false',
      '--foreground-scripts',
    ],
    {
      cwd: nativeFolder,
      stdio: 'inherit',
      env: { ...inherited, ...(headers === null ? {} : { npm_config_nodedir: headers }), ...settings },
    },
  );
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('exit', (code) => {
      done(code === 0);
    });
  });
}

print(`Installing the native client of Kafka into ${nativeFolder}.`);
let installed = await install({});
if (!installed) {
  print('There is no ready-made binary to be had: it is compiled with the libraries of this machine.');
  installed = await install({ CKJS_LINKING: 'dynamic' });
}
if (installed) {
  loadRdkafka();
  print('KAFKA_DRIVER=rdkafka can be used.');
} else {
  print('The native client of Kafka could not be installed; what npm says stands above.');
  process.exitCode = 1;
}
