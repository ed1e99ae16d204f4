import type { DaybookError } from '@daybook/kernel/errors.ts';
import type { Position } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Log } from '@daybook/kernel/ports/outside.ts';
import type { Database } from '../database/database.ts';
import type { MessageCodec } from '../registry/codec.ts';
import { blockStream, isBlocking, isSkipped, type BlockingError } from '../relay/relay-block.ts';
import type { RelayOutput } from '../relay/relay-output.ts';
import { runRelay } from '../relay/relay.ts';
import { readRelayPosition } from './consumer-places.ts';

export type RefillOptions = Readonly<{
  database: Database;
  /** The log that is followed, as it is stored, and held to the contracts. */
  stored: Pick<EventStore, 'at'>;
  eventStore: EventStore;
  /** The log it was copied from: by its positions it is recorded which events are passed over. */
  former: Pick<EventStore, 'read'>;
  /** To the events topic, which is there. */
  output: RelayOutput;
  codec: Pick<MessageCodec, 'encodeEvent' | 'encodeEvents'>;
  log: Log;
  onProgress?: (events: number) => void;
}>;

export type Refilled = Readonly<{
  /** Events that were published. */
  events: number;
  /** The relay stands before an event that cannot be published; the next start shows it among what is parked. */
  isBlocked: boolean;
}>;

/**
 * Publishes the log from where the relay stands up to its present end, as the relay of a running Daybook does.
 * @throws `unavailable` · `timeout`; what was published stays, and the relay goes on from there
 */
export async function refillEventsTopic(options: RefillOptions): Promise<Refilled> {
  const { database, eventStore, output, codec, log, onProgress = () => undefined } = options;
  const head = await eventStore.head();
  const read = readActs(options);
  let events = 0;
  let failure: DaybookError | undefined;
  const over = new AbortController();
  const giveUp = (error: DaybookError): void => {
    failure = error;
    over.abort();
  };
  if ((await readRelayPosition(database.pool)) < head) {
    await runRelay({
      eventStore: { ...eventStore, read },
      codec,
      output,
      log,
      signal: over.signal,
      hooks: {
        forwarded: (batch) => {
          events += batch.events;
          onProgress(events);
          if (batch.position >= head) over.abort();
        },
        failed: (error) => {
          if (!isBlocking(error)) giveUp(error);
          else void unlessSkipped(read, error, giveUp);
        },
      },
    });
  }
  if (failure !== undefined && !isBlocking(failure)) throw failure;
  return { events, isBlocked: failure !== undefined };
}

/** The relay passes over an event where somebody decided so, and waits before any other. */
async function unlessSkipped(
  read: EventStore['read'],
  error: BlockingError,
  giveUp: (error: DaybookError) => void,
): Promise<void> {
  const skipped = await isSkipped({ read }, error.fields).catch(() => false);
  if (!skipped) giveUp(error);
}

const actsPrefix = blockStream('');

/** Acts on events that the relay stood before stand in streams named by positions of the log in which they were. */
function readActs({ stored, eventStore, former }: RefillOptions): EventStore['read'] {
  return async function* (stream, options) {
    yield* eventStore.read(stream, options);
    if (!stream.startsWith(actsPrefix)) return;
    const event = await stored.at(stream.slice(actsPrefix.length) as Position);
    if (event === undefined) return;
    for await (const [original] of former.read(event.stream, { from: event.revision, limit: 1 })) {
      if (original !== undefined) yield* eventStore.read(blockStream(original.position), options);
    }
  };
}
