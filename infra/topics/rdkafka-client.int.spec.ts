import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadRdkafka, namedError, rdkafkaSettings } from './rdkafka-client.ts';
import { translateKafkaError } from './kafka-client.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daybook-native-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const failure = (): unknown => {
  try {
    return loadRdkafka(folder);
  } catch (error) {
    return error;
  }
};

test('without the native client the setting is refused, and the command told', () => {
  expect(failure()).toMatchObject({
    code: 'configuration-invalid',
    message:
      'KAFKA_DRIVER is rdkafka, whose native client is not installed. Run "npm run kafka:native", or leave KAFKA_DRIVER out.',
  });
});

test('one that is not made for this Node or machine is told apart', async () => {
  const place = join(folder, 'node_modules/@confluentinc/kafka-javascript');
  await mkdir(place, { recursive: true });
  await writeFile(
    join(place, 'index.js'),
    `throw Object.assign(new Error('ABI'), { code: 'ERR_DLOPEN_FAILED' });`,
  );
  expect(failure()).toMatchObject({
    code: 'configuration-invalid',
    message: expect.stringContaining('does not load with this Node on this machine'),
  });
});

test('settings name the protocol by TLS and credentials', () => {
  const brokers = ['a:1', 'b:2'];
  const sasl = { mechanism: 'scram-sha-512' as const, username: 'ada', password: 'lovelace' };
  expect(rdkafkaSettings({ brokers }, 'me')).toMatchObject({
    'client.id': 'me',
    'bootstrap.servers': 'a:1,b:2',
    'security.protocol': 'plaintext',
  });
  expect(rdkafkaSettings({ brokers, tls: { ca: 'PEM' }, sasl }, 'me')).toMatchObject({
    'security.protocol': 'sasl_ssl',
    'ssl.ca.pem': 'PEM',
    'sasl.mechanisms': 'SCRAM-SHA-512',
    'sasl.username': 'ada',
    'sasl.password': 'lovelace',
  });
  expect(rdkafkaSettings({ brokers, tls: {} }, 'me')).toMatchObject({ 'security.protocol': 'ssl' });
});

test('failures are told as those of the other driver', () => {
  const told = (code: number): unknown =>
    translateKafkaError(namedError(Object.assign(new Error('says so'), { code })));
  expect(told(10)).toMatchObject({
    code: 'unavailable',
    retry: 'never',
    message: 'Kafka refuses a message.',
  });
  expect(told(-169)).toMatchObject({ retry: 'later', message: 'Kafka refuses the credentials.' });
  expect(told(-195)).toMatchObject({ retry: 'later', fields: { reason: 'RDKAFKA_-195' } });
});
