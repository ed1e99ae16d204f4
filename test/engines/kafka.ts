import { execFile } from 'node:child_process';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kafkaClient } from '@daybook/infra/topics/kafka-client.ts';
import { silentLog } from '../support/silent-log.ts';
import { startEngine, type Engine } from './engine.ts';
import { fetchKafka } from './fetch.ts';
import { engineVersions } from './versions.ts';

/** Any id does: the cluster is one broker, its data new. */
const clusterId = 'ZGF5Ym9vay10ZXN0LWNsdQ';

/** Whom a broker lets in. */
export type KafkaUser = Readonly<{ username: string; password: string }>;

export type KafkaOptions = Readonly<{
  /** Who is let in, by SASL PLAIN. Absent: everybody. */
  user?: KafkaUser;
  /** Texts (PEM) of a certificate for 127.0.0.1 that vouches for itself, and of its key. Absent: no TLS. */
  tls?: Readonly<{ cert: string; key: string }>;
  /** Let in too; with any of them there are access lists, and `user` alone may do everything. */
  guests?: readonly KafkaUser[];
  /** Folder of a broker that was halted, whose data this one begins with. */
  from?: string;
  /** Where clients are told to go, `host:port`, such as a proxy before the port. Default: to the broker itself. */
  advertised?: (port: number) => Promise<string>;
}>;

/** Starts a broker of its own, KRaft in one process; `url` is what `KAFKA_BROKERS` takes: `127.0.0.1:port`. */
export async function startKafka(options: KafkaOptions = {}): Promise<Engine> {
  const { user, tls, from, advertised } = options;
  const libraries = join(await fetchKafka(engineVersions.kafka), 'lib', '*');
  const java = ['java', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', libraries];
  return startEngine({
    name: 'kafka',
    ports: 2,
    prepare: async (folder, [port, controller]) => {
      await writeFile(
        join(folder, 'server.properties'),
        settings(folder, Number(port), Number(controller), options, await advertised?.(Number(port))),
      );
      await writeFile(join(folder, 'log4j2.properties'), logging);
      if (from !== undefined) {
        await cp(join(from, 'data'), join(folder, 'data'), { recursive: true });
        return;
      }
      const [program = '', ...args] = java;
      await promisify(execFile)(program, [
        ...args,
        ...['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', join(folder, 'server.properties')],
      ]);
    },
    command: (folder) => [
      ...java.slice(0, 1),
      `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`,
      ...java.slice(1),
      ...['kafka.Kafka', join(folder, 'server.properties')],
    ],
    url: ([port]) => `127.0.0.1:${String(port)}`,
    answers: (url) => brokerAnswers(url, user, tls),
  });
}

/** Throws where no broker of a list answers that it leads a cluster. */
export async function brokerAnswers(
  brokers: string,
  user?: KafkaUser,
  tls?: KafkaOptions['tls'],
): Promise<void> {
  const settings = {
    brokers: brokers.split(','),
    ...(user === undefined ? {} : { sasl: { mechanism: 'plain' as const, ...user } }),
    ...(tls === undefined ? {} : { tls: { ca: tls.cert } }),
  };
  const kafka = kafkaClient(settings, 'engines of tests', silentLog);
  const admin = kafka.admin({ retry: { retries: 0 } });
  try {
    await admin.connect();
    const { brokers: alive } = await admin.describeCluster();
    if (alive.length === 0) throw new Error('No broker is registered yet.');
  } finally {
    await admin.disconnect();
  }
}

function settings(
  folder: string,
  port: number,
  controller: number,
  { user, guests = [], tls }: KafkaOptions,
  advertised = `127.0.0.1:${String(port)}`,
): string {
  const listener = `${user === undefined ? '' : 'SASL_'}${tls === undefined ? 'PLAINTEXT' : 'SSL'}`;
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${String(controller)}`,
    `listeners=${listener}://127.0.0.1:${String(port)},CONTROLLER://127.0.0.1:${String(controller)}`,
    `advertised.listeners=${listener}://${advertised}`,
    `listener.security.protocol.map=${listener}:${listener},CONTROLLER:PLAINTEXT`,
    `inter.broker.listener.name=${listener}`,
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(folder, 'data')}`,
    'group.initial.rebalance.delay.ms=0',
    'group.min.session.timeout.ms=500',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=5',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'auto.create.topics.enable=false',
    ...(tls === undefined ? [] : tlsSettings(tls)),
    ...(user === undefined ? [] : saslSettings(listener, user, guests)),
    '',
  ].join('\n');
}

function tlsSettings({ cert, key }: NonNullable<KafkaOptions['tls']>): readonly string[] {
  const line = (text: string): string => text.trim().replaceAll(/\r?\n/g, '\\n');
  return [
    'ssl.keystore.type=PEM',
    `ssl.keystore.certificate.chain=${line(cert)}`,
    `ssl.keystore.key=${line(key)}`,
    'ssl.truststore.type=PEM',
    `ssl.truststore.certificates=${line(cert)}`,
  ];
}

function saslSettings(listener: string, user: KafkaUser, guests: readonly KafkaUser[]): readonly string[] {
  const { username, password } = user;
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  const known = [user, ...guests].map((one) => `user_${one.username}="${one.password}"`).join(' ');
  const own = `username="${username}" password="${password}"`;
  return [
    'sasl.enabled.mechanisms=PLAIN',
    'sasl.mechanism.inter.broker.protocol=PLAIN',
    `listener.name.${listener.toLowerCase()}.plain.sasl.jaas.config=${login} ${own} ${known};`,
    // The controller's own listener is without credentials.
    ...(guests.length === 0
      ? []
      : [
          'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          `super.users=User:${username};User:ANONYMOUS`,
        ]),
  ];
}

const logging = `rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1} %m%n
`;
