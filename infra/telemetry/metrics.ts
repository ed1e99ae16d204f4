import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Every metric of the platform. Labels hold names from code only: never a tenant, an id or anything from outside. */
export const metricNames = {
  httpDuration: 'daybook_http_request_duration_seconds',
  httpRefused: 'daybook_http_rate_limited_total',
  httpStreams: 'daybook_http_open_streams',
  commands: 'daybook_commands_total',
  stateLoads: 'daybook_state_loads_total',
  snapshots: 'daybook_snapshots_total',
  appendBatch: 'daybook_append_batch_events',
  projectorLag: 'daybook_projector_lag_events',
  projectorLagSeconds: 'daybook_projector_lag_seconds',
  processLag: 'daybook_process_lag_events',
  processLagSeconds: 'daybook_process_lag_seconds',
  relayLag: 'daybook_relay_lag_events',
  relayLagSeconds: 'daybook_relay_lag_seconds',
  relayLeads: 'daybook_relay_leads',
  parkedNow: 'daybook_parked',
  parkedWaiting: 'daybook_parked_waiting',
  parkedSeconds: 'daybook_parked_oldest_seconds',
  parked: 'daybook_parked_messages_total',
  effects: 'daybook_effects_total',
  effectRetries: 'daybook_effect_retries_total',
  scrapes: 'daybook_scrapes_total',
  scrapeHostsDue: 'daybook_scrape_hosts_due',
} as const;

/** What `/metrics` shows. */
export const metricsRegistry = new Registry();
const registers = [metricsRegistry];

const httpDuration = new Histogram({
  name: metricNames.httpDuration,
  help: 'Time from the last header read to the last byte written, by method, route pattern and status.',
  labelNames: ['method', 'route', 'status'] as const,
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  registers,
});

type Bound = Readonly<{ observe: (seconds: number) => void }>;
const boundDurations = new Map<string, Bound>();

/** Records an answered request. `route` is the pattern of the route, not the path. */
export function observeRequest(method: string, route: string, status: number, seconds: number): void {
  const key = `${method} ${route} ${String(status)}`;
  let bound = boundDurations.get(key);
  if (bound === undefined) {
    bound = httpDuration.labels({ method, route, status: String(status) });
    boundDurations.set(key, bound);
  }
  bound.observe(seconds);
}

const httpRefused = new Counter({
  name: metricNames.httpRefused,
  help: 'Requests refused by a rate limit, by policy.',
  labelNames: ['policy'] as const,
  registers,
});

/** Counts a request that a rate limit refused. */
export function countRefusedRequest(policy: string): void {
  httpRefused.inc({ policy });
}

const httpStreams = new Gauge({
  name: metricNames.httpStreams,
  help: 'Open streams of server-sent events.',
  registers,
});

/** A stream of events was opened (1) or has ended (-1). */
export function addOpenStreams(change: 1 | -1): void {
  httpStreams.inc(change);
}

const commands = new Counter({
  name: metricNames.commands,
  help: 'Commands handled, by name and outcome.',
  labelNames: ['command', 'outcome'] as const,
  registers,
});

/** Counts a command by what became of it. */
export function countCommand(command: string, outcome: 'accepted' | 'rejected' | 'failed'): void {
  commands.inc({ command, outcome });
}

const stateLoads = new Counter({
  name: metricNames.stateLoads,
  help: 'States of streams that commands asked for: kept (nothing read), newer (what came since read), whole (all read).',
  labelNames: ['from'] as const,
  registers,
});

/** Counts a state that a command was decided on, by how much of its stream had to be read. */
export function countStateLoad(from: 'kept' | 'newer' | 'whole'): void {
  stateLoads.inc({ from });
}

const snapshots = new Counter({
  name: metricNames.snapshots,
  help: 'Snapshots of long streams, by what became of them.',
  labelNames: ['outcome'] as const,
  registers,
});

/** Counts a snapshot that was asked for: written, failed, or skipped as too large, not plain, or one too many. */
export function countSnapshot(outcome: 'written' | 'failed' | 'skipped'): void {
  snapshots.inc({ outcome });
}

const appendBatch = new Histogram({
  name: metricNames.appendBatch,
  help: 'Events that the event store writes in one transaction: concurrent appends go together.',
  buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000],
  registers,
});

/** Records how many events were written in one transaction. */
export function observeAppendBatch(events: number): void {
  appendBatch.observe(events);
}

/** How far a consumer is behind in one partition. */
export type Behind = Readonly<{
  messages: number;
  /** Since the one to be handled next was published. */
  seconds: number;
}>;

const projectorLag = new Gauge({
  name: metricNames.projectorLag,
  help: 'Events a projection has still to fold, by projection and partition.',
  labelNames: ['projection', 'partition'] as const,
  registers,
});

const projectorLagSeconds = new Gauge({
  name: metricNames.projectorLagSeconds,
  help: 'Time since the event that a projection folds next was published; 0 where none waits.',
  labelNames: ['projection', 'partition'] as const,
  registers,
});

/** Records how far a projection is behind in a partition. */
export function setProjectorLag(projection: string, partition: number, behind: Behind): void {
  const labels = { projection, partition: String(partition) };
  projectorLag.set(labels, behind.messages);
  projectorLagSeconds.set(labels, behind.seconds);
}

const processLag = new Gauge({
  name: metricNames.processLag,
  help: 'Messages a process has still to handle, by process and partition.',
  labelNames: ['process', 'partition'] as const,
  registers,
});

const processLagSeconds = new Gauge({
  name: metricNames.processLagSeconds,
  help: 'Time since the message that a process handles next was published; 0 where none waits.',
  labelNames: ['process', 'partition'] as const,
  registers,
});

/** Records how far a process is behind in a partition. */
export function setProcessLag(process: string, partition: number, behind: Behind): void {
  const labels = { process, partition: String(partition) };
  processLag.set(labels, behind.messages);
  processLagSeconds.set(labels, behind.seconds);
}

const relayLag = new Gauge({
  name: metricNames.relayLag,
  help: 'Events recorded and not yet published; 1,000 stands for that many or more.',
  registers,
});

const relayLagSeconds = new Gauge({
  name: metricNames.relayLagSeconds,
  help: 'Age of the oldest event that is not published yet; 0 where there is none.',
  registers,
});

const relayLeads = new Gauge({
  name: metricNames.relayLeads,
  help: 'Whether any relay of the installation leads: 1, or 0 where nothing is published.',
  registers,
});

/** Records how far the log is published. */
export function setRelayLag(lag: Readonly<{ events: number; seconds: number; leads: boolean }>): void {
  relayLag.set(lag.events);
  relayLagSeconds.set(lag.seconds);
  relayLeads.set(lag.leads ? 1 : 0);
}

const scrapeHostsDue = new Gauge({
  name: metricNames.scrapeHostsDue,
  help: 'Hosts whose turn has come and that no scraper serves yet; 1,000 stands for that many or more.',
  registers,
});

/** Records how many hosts wait for a scraper. */
export function setScrapeHostsDue(hosts: number): void {
  scrapeHostsDue.set(hosts);
}

const parkedNow = new Gauge({
  name: metricNames.parkedNow,
  help: 'What is parked in the installation until somebody retries or skips it, by consumer and kind.',
  labelNames: ['consumer', 'kind'] as const,
  registers,
});

const parkedWaiting = new Gauge({
  name: metricNames.parkedWaiting,
  help: 'What waits behind something parked, by consumer and kind; of each at most 1001 are counted.',
  labelNames: ['consumer', 'kind'] as const,
  registers,
});

const parkedSeconds = new Gauge({
  name: metricNames.parkedSeconds,
  help: 'Since when the oldest is parked, by consumer and kind.',
  labelNames: ['consumer', 'kind'] as const,
  registers,
});

/** What is parked of a consumer. */
export type ParkedOf = Readonly<{
  consumer: string;
  kind: string;
  parked: number;
  waiting: number;
  seconds: number;
}>;

/** Records all that is parked; consumers that are not named have nothing parked and are shown no longer. */
export function setParked(all: readonly ParkedOf[]): void {
  for (const gauge of [parkedNow, parkedWaiting, parkedSeconds]) gauge.reset();
  for (const { consumer, kind, parked: count, waiting, seconds } of all) {
    parkedNow.set({ consumer, kind }, count);
    parkedWaiting.set({ consumer, kind }, waiting);
    parkedSeconds.set({ consumer, kind }, seconds);
  }
}

const parked = new Counter({
  name: metricNames.parked,
  help: 'Messages that became dead letters, by topic and group.',
  labelNames: ['topic', 'group'] as const,
  registers,
});

/** Counts a message that became a dead letter. */
export function countParked(topic: string, group: string): void {
  parked.inc({ topic, group });
}

const effects = new Counter({
  name: metricNames.effects,
  help: 'Effects of processes that were done, by process and kind.',
  labelNames: ['process', 'kind'] as const,
  registers,
});

/** Counts an effect that was done. */
export function countEffect(process: string, kind: string): void {
  effects.inc({ process, kind });
}

const effectRetries = new Counter({
  name: metricNames.effectRetries,
  help: 'Attempts at an effect that failed and will be repeated, by process and kind.',
  labelNames: ['process', 'kind'] as const,
  registers,
});

/** Counts a failed attempt at an effect that will be repeated. */
export function countEffectRetry(process: string, kind: string): void {
  effectRetries.inc({ process, kind });
}

const scrapes = new Counter({
  name: metricNames.scrapes,
  help: 'Pages looked at, by source and outcome.',
  labelNames: ['source', 'outcome'] as const,
  registers,
});

/** Counts a page that was looked at, by what it came to. */
export function countScrape(source: string, outcome: string): void {
  scrapes.inc({ source, outcome });
}

let processMetrics = false;

/** Resolution of the event loop's delay. Each step wakes the process: at 10 ms that alone is a tenth of its CPU at rest. */
const loopPrecisionMs = 50;

/** Adds the process's own figures: CPU, memory, garbage collection and the delay of the event loop. Idempotent. */
export function startProcessMetrics(): void {
  if (processMetrics) return;
  processMetrics = true;
  collectDefaultMetrics({ register: metricsRegistry, eventLoopMonitoringPrecision: loopPrecisionMs });
}
