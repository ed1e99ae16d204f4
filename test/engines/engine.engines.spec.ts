import { readdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { startScript } from '../support/processes.ts';
import { startEngine, type Engine } from './engine.ts';
import { describeWithEngines } from './engine-suite.ts';
import { brokerAnswers, startKafka } from './kafka.ts';
import { registryAnswers, startRegistry } from './registry.ts';

describeWithEngines('engines of tests', ['kafka', 'registry'], () => {
  let engine: Engine | undefined;

  afterEach(async () => {
    await engine?.stop();
    engine = undefined;
  });

  test('a broker that is killed answers again at the same address', async () => {
    const broker = (engine = await startKafka());
    await brokerAnswers(broker.url);
    await broker.kill();
    await expect(brokerAnswers(broker.url)).rejects.toThrow();
    await broker.restart();
    await brokerAnswers(broker.url);
  }, 120_000);

  test('a registry that is paused does not answer until it is resumed', async () => {
    const registry = (engine = await startRegistry());
    registry.pause();
    await expect(registryAnswers(registry.url)).rejects.toThrow();
    registry.resume();
    await eventually(() => registryAnswers(registry.url));
    await registry.stop();
    await expect(registryAnswers(registry.url)).rejects.toThrow();
  }, 120_000);

  test('an engine ends with who started it, and leaves no folder', async () => {
    const folders = async (): Promise<readonly string[]> =>
      (await readdir(tmpdir())).filter((name) => name.startsWith('daybook-registry-')).sort();
    const before = await folders();
    const starter = startScript(join(import.meta.dirname, 'engine.fixture.ts'), [], {});
    const [url] = await starter.printed(/http:\S+/);
    await registryAnswers(url);
    starter.signal('SIGKILL');
    await eventually(() => expect(registryAnswers(url)).rejects.toThrow());
    await eventually(async () => {
      expect((await folders()).filter((name) => !before.includes(name))).toEqual([]);
    });
  }, 120_000);

  test('an engine that ends at its start says the last lines of its log', async () => {
    const failing = startEngine({
      name: 'failing',
      ports: 1,
      prepare: () => Promise.resolve(),
      command: () => ['sh', '-c', 'echo out of cheese; exit 3'],
      url: String,
      answers: () => Promise.reject(new Error('nobody')),
    });
    await expect(failing).rejects.toThrow('ended by itself:\nout of cheese');
  });

  test('a broker whose port was taken meanwhile begins on others', async () => {
    const taken = createServer();
    let first = true;
    engine = await startKafka({
      advertised: async (port) => {
        if (first) await new Promise<void>((done) => taken.listen(port, '127.0.0.1', done));
        first = false;
        return `127.0.0.1:${String(port)}`;
      },
    });
    await brokerAnswers(engine.url);
    expect(engine.url).not.toContain(`:${String((taken.address() as AddressInfo).port)}`);
    taken.close();
  }, 240_000);
});
