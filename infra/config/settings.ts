import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Config } from './load.ts';
import { duration, failpointPlans, flag, httpUrl, list, origins, wholeNumber } from './values.ts';
import { variable } from './variable.ts';

/** The slices of which each service composes its schema. Their names are the headings of the reference page. */

export const installationSettings = z.object({
  environment: variable(z.enum(['production', 'development', 'test']).default('development'), {
    name: 'NODE_ENV',
    about: 'In `production` missing, weak or default secrets stop the start, and nothing secret is made up.',
  }),
  dataFolder: variable(
    z
      .string()
      .default('.daybook')
      .transform((path) => resolve(path)),
    {
      name: 'DAYBOOK_DATA',
      about: 'Folder of the embedded PostgreSQL, stored pages, the local mailbox and development secrets.',
    },
  ),
  failpoints: variable(failpointPlans.optional(), {
    name: 'FAILPOINTS',
    about:
      'Places at which this process dies, stops, fails or waits, for tests of faults: `name:nth:kill|stop|throw|delay:ms`, separated by commas; see [failpoints](failpoints.md).',
    production: 'forbidden',
  }),
});

export const databaseSettings = z.object({
  url: variable(z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }).optional(), {
    name: 'DATABASE_URL',
    about: 'PostgreSQL to use. Without it an embedded one runs in the data folder.',
    secret: 'theirs',
  }),
  // Two folds of the log hold a connection each and need another one to work with.
  poolSize: variable(wholeNumber(3, 500).default(10), {
    name: 'DB_POOL_SIZE',
    about: 'Connections each process may hold, at least 3.',
  }),
  statementTimeoutMs: variable(duration('s').default(30_000), {
    name: 'DB_STATEMENT_TIMEOUT',
    about:
      'Longest statement of commands and loops; queries have at most 5 s. A bare number counts seconds. What takes longer is given up and answered with 504.',
  }),
});

export const eventStoreSettings = z.object({
  url: variable(
    z
      .string()
      .regex(
        /^(esdb|kurrentdb|kdb)(\+discover)?:\/\/\S+$/,
        'must be an esdb:// or kurrentdb:// connection string',
      )
      .optional(),
    {
      name: 'EVENTSTORE_URL',
      about:
        'EventStoreDB or KurrentDB (23.10 or later) to keep the log in, for Daybook alone. Without it the log is in PostgreSQL.',
      secret: 'theirs',
    },
  ),
});

export const registrySettings = z.object({
  url: variable(httpUrl.optional(), {
    name: 'SCHEMA_REGISTRY_URL',
    about:
      'Schema registry with Confluent’s API (Confluent, Apicurio, Karapace) for the schemas of topics, with credentials as user info. Without it they are registered in PostgreSQL.',
    secret: 'theirs',
  }),
});

export const kafkaSettings = z.object({
  brokers: variable(
    list
      .refine(
        (items) => items.every((item) => /^[^\s:/]+:\d{1,5}$/.test(item)),
        'must be host:port pairs, separated by commas',
      )
      .default([]),
    {
      name: 'KAFKA_BROKERS',
      about:
        'Brokers of an Apache Kafka cluster to keep topics in, `host:port` separated by commas; `SCHEMA_REGISTRY_URL` goes with it. Without them topics are in PostgreSQL.',
    },
  ),
  driver: variable(z.enum(['kafkajs', 'rdkafka']).default('kafkajs'), {
    name: 'KAFKA_DRIVER',
    about:
      'What sends messages to the brokers: `rdkafka` is native and faster; `npm run kafka:native` installs it.',
  }),
  tls: variable(flag.default(false), { name: 'KAFKA_TLS', about: 'TLS to the brokers.' }),
  ca: variable(z.string().includes('-----BEGIN CERTIFICATE-----').optional(), {
    name: 'KAFKA_CA',
    about:
      'Certificates (PEM) that vouch for the brokers; with it TLS is used. Default: those of the system.',
  }),
  mechanism: variable(z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).default('scram-sha-512'), {
    name: 'KAFKA_SASL_MECHANISM',
    about: 'How `KAFKA_USERNAME` signs in.',
  }),
  username: variable(z.string().optional(), { name: 'KAFKA_USERNAME', about: 'User at the brokers.' }),
  password: variable(z.string().optional(), {
    name: 'KAFKA_PASSWORD',
    about: 'Password at the brokers.',
    secret: 'theirs',
  }),
});

export const httpSettings = z.object({
  port: variable(wholeNumber(0, 65_535).default(4_000), {
    name: 'PORT',
    about: 'TCP port of the HTTP interface; 0 takes a free one.',
  }),
  host: variable(z.string().default('127.0.0.1'), {
    name: 'HOST',
    about:
      'Address to listen on. `0.0.0.0` or `::` opens it to the network; `NODE_ENV` has to be given then.',
  }),
  publicUrl: variable(httpUrl.optional(), {
    name: 'PUBLIC_URL',
    about: 'Where the outside reaches this installation, for links. Default: the address it listens on.',
  }),
  frontendUrl: variable(httpUrl.optional(), {
    name: 'FRONTEND_URL',
    about: 'Address of the web frontend, for links in mails. Its origin may call across origins.',
  }),
  corsOrigins: variable(origins.default([]), {
    name: 'CORS_ORIGIN',
    about: 'Origins that may call from browsers, separated by commas. `*` is refused.',
  }),
  trustProxy: variable(list.default([]), {
    name: 'TRUST_PROXY',
    about:
      'Proxies whose `X-Forwarded-*` headers are believed: a number of hops, or addresses and networks separated by commas. Default: none.',
  }),
  requireHttps: variable(flag.optional(), {
    name: 'REQUIRE_HTTPS',
    about:
      'Refuses requests that reached the proxy unencrypted. Default: true in production behind `TRUST_PROXY`.',
  }),
  bodyLimitBytes: variable(wholeNumber(1_024, 16_777_216).default(262_144), {
    name: 'BODY_LIMIT_BYTES',
    about: 'Largest request body.',
  }),
  positionWaitMs: variable(duration('s').default(5_000), {
    name: 'POSITION_WAIT',
    about:
      'How long a query waits for `Daybook-Min-Position` before it answers 503. A bare number counts seconds.',
  }),
  shutdownGraceMs: variable(duration('s').default(10_000), {
    name: 'SHUTDOWN_GRACE',
    about: 'How long requests under way may take after SIGTERM. A bare number counts seconds.',
  }),
});

export const rateLimitSettings = z.object({
  generalPerMinute: variable(wholeNumber(0, 1_000_000_000).default(100), {
    name: 'RATE_LIMIT_PER_MINUTE',
    about: 'Requests a minute of one user, or of one address where nobody signed in. 0: no limit.',
    outsideProduction: '6000',
  }),
  authPerMinute: variable(wholeNumber(0, 1_000_000_000).default(10), {
    name: 'RATE_LIMIT_AUTH_PER_MINUTE',
    about: 'Requests a minute of one address to public commands such as sign-up and login. 0: no limit.',
    outsideProduction: '600',
  }),
  mutationsPerSecond: variable(wholeNumber(0, 1_000_000_000).default(5), {
    name: 'RATE_LIMIT_MUTATIONS_PER_SECOND',
    about: 'Commands a second of one user. 0: no limit.',
    outsideProduction: '200',
  }),
});

export const tokenSettings = z.object({
  algorithm: variable(z.enum(['EdDSA', 'RS256', 'HS256']).optional(), {
    name: 'TOKEN_ALGORITHM',
    about: 'How access tokens are signed. Default: `EdDSA`, or `HS256` where `JWT_SECRET` is given.',
  }),
  jwtSecret: variable(z.string().min(16, 'must have at least 16 characters').optional(), {
    name: 'JWT_SECRET',
    about: 'Secret of HS256 tokens. Outside production only.',
    secret: 'theirs',
    production: 'forbidden',
  }),
  accessTtlMs: variable(duration('m').default(900_000), {
    name: 'ACCESS_TOKEN_EXPIRY',
    about: 'Life of an access token. A bare number counts minutes.',
  }),
  signupTtlMs: variable(duration('m').default(3_600_000), {
    name: 'ACCOUNTS_JWT_TTL',
    about: 'Life of the access token that ends a sign-up. A bare number counts minutes.',
  }),
  issuer: variable(z.string().default('daybook'), {
    name: 'TOKEN_ISSUER',
    about: 'The `iss` claim of access tokens, checked when they come back.',
  }),
});

export const serviceSettings = z.object({
  secret: variable(z.string().min(32, 'must have at least 32 characters'), {
    name: 'SERVICE_SECRET',
    about:
      'Shared by the services of one installation, which sign their calls to each other with it (HMAC-SHA-256).',
    secret: 'ours',
    production: 'required',
    generate: () => randomBytes(32).toString('base64url'),
  }),
  commandServiceUrl: variable(httpUrl.default('http://127.0.0.1:4000'), {
    name: 'COMMAND_SERVICE_URL',
    about: 'Where the other services reach the command service when they run apart.',
  }),
});

export const stateSettings = z.object({
  cacheBytes: variable(wholeNumber(0, 16 * 1024 ** 3).default(64 * 1024 ** 2), {
    name: 'STATE_CACHE_BYTES',
    about:
      'Memory for the recent states of streams, by which a command need not read its stream. 0: every command reads.',
  }),
  snapshotEveryEvents: variable(wholeNumber(0, 1_000_000).default(500), {
    name: 'SNAPSHOT_EVERY',
    about: 'Events after which a stream gets a (further) snapshot of its state. 0: none.',
  }),
});

export const vaultSettings = z.object({
  encryptionKey: variable(
    z
      .string()
      .regex(/^([0-9a-fA-F]{64}|[\w+/-]{43}=?)$/, 'must be 32 bytes, in base64 or as 64 hexadecimal digits'),
    {
      name: 'ENCRYPTION_KEY',
      about:
        'Key-encryption key, 32 bytes in base64 or hexadecimal. Whoever loses it loses everything sealed.',
      secret: 'ours',
      production: 'required',
      generate: () => randomBytes(32).toString('base64'),
    },
  ),
  formerEncryptionKeys: variable(list.default([]), {
    name: 'FORMER_ENCRYPTION_KEYS',
    about:
      'Earlier key-encryption keys, newest first, separated by commas: they still open what they sealed.',
    secret: 'theirs',
  }),
});

export const mailSettings = z.object({
  smtpHost: variable(z.string().optional(), {
    name: 'SMTP_HOST',
    about: 'Mail server. Without it mails go to the local mailbox in the data folder.',
  }),
  smtpPort: variable(wholeNumber(1, 65_535).default(587), {
    name: 'SMTP_PORT',
    about: 'Port of the mail server.',
  }),
  smtpSecure: variable(flag.default(false), {
    name: 'SMTP_SECURE',
    about: 'TLS from the first byte (port 465) instead of STARTTLS.',
  }),
  smtpUser: variable(z.string().optional(), { name: 'SMTP_USER', about: 'User at the mail server.' }),
  smtpPassword: variable(z.string().optional(), {
    name: 'SMTP_PASSWORD',
    about: 'Password at the mail server.',
    aliases: ['SMTP_PASS'],
    secret: 'theirs',
  }),
  from: variable(z.string().default('Daybook <daybook@localhost>'), {
    name: 'EMAIL_FROM',
    about: 'Sender of all mails.',
  }),
});

export const outboundSettings = z.object({
  allowHosts: variable(list.default([]), {
    name: 'OUTBOUND_ALLOW_HOSTS',
    about:
      'Private or loopback `host:port` pairs that outbound requests may reach all the same, separated by commas.',
  }),
});

export const scrapingSettings = z.object({
  chromiumPath: variable(z.string().optional(), {
    name: 'CHROMIUM_PATH',
    about: 'Browser for pages that show their price only after scripts ran. Default: the usual places.',
  }),
  concurrency: variable(wholeNumber(1, 200).default(10), {
    name: 'SCRAPER_CONCURRENCY',
    about: 'Pages fetched at once by one process; of one host always one at a time.',
  }),
  userAgent: variable(z.string().default('DaybookBot/0.1'), {
    name: 'SCRAPER_USER_AGENT',
    about: 'How the scraper names itself to shops and in robots.txt.',
  }),
  backOffMs: variable(wholeNumber(10, 600_000).default(2_000), {
    name: 'SCRAPER_BACK_OFF_MS',
    about:
      'Milliseconds that a shop is left alone after its first failure; four times as long after each next, up to ten minutes.',
  }),
  sessions: variable(flag.default(false), {
    name: 'SCRAPER_SESSIONS',
    about: 'Keep the cookies of shops from page to page; without it every page is a first visit.',
  }),
  proxyUrls: variable(
    list
      .refine(
        (items) => items.every((item) => /^https?:$/.test(URL.parse(item)?.protocol ?? '')),
        'must be http(s) URLs, separated by commas',
      )
      .default([]),
    {
      name: 'SCRAPER_PROXIES',
      about: 'HTTP proxies for visits of shops, separated by commas; one shop always sees the same one.',
      secret: 'theirs',
    },
  ),
  chromiumSandbox: variable(flag.optional(), {
    name: 'CHROMIUM_SANDBOX',
    about: 'Whether Chromium runs in its own sandbox. Default: yes, except as root, where it cannot.',
  }),
});

export const telemetrySettings = z.object({
  logLevel: variable(z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'), {
    name: 'LOG_LEVEL',
    about: 'Log lines below it are dropped.',
  }),
  logFormat: variable(z.enum(['json', 'pretty']).optional(), {
    name: 'LOG_FORMAT',
    about: 'JSON lines, or short ones for people. Default: `pretty` on a terminal, else `json`.',
  }),
  otlpEndpoint: variable(httpUrl.optional(), {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    about: 'Collector of traces (OTLP over HTTP). Without it no span is recorded.',
  }),
  readyMaxLagMs: variable(duration('s').default(60_000), {
    name: 'READY_MAX_LAG',
    about:
      'How long an event may wait for a read model before `/readyz` of the projectors says 503. A bare number counts seconds.',
  }),
});

/** Every slice by the name it has in a service's schema. */
export const settings = {
  installation: installationSettings,
  database: databaseSettings,
  eventStore: eventStoreSettings,
  registry: registrySettings,
  kafka: kafkaSettings,
  http: httpSettings,
  rateLimits: rateLimitSettings,
  tokens: tokenSettings,
  services: serviceSettings,
  states: stateSettings,
  vault: vaultSettings,
  mail: mailSettings,
  outbound: outboundSettings,
  scraping: scrapingSettings,
  telemetry: telemetrySettings,
} as const;

/** The whole configuration: what all services of one process need together. */
export const daybookSettings = z.object(settings);

/** A part of the configuration, as `daybookSettings.pick` makes it. */
export type SettingsSchema = z.ZodObject;

/** What a settings schema loads to. */
export type ConfigOf<S extends SettingsSchema> = Config<z.output<S>>;

/** The whole configuration, loaded. */
export type DaybookConfig = ConfigOf<typeof daybookSettings>;
