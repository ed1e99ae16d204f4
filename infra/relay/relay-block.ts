import { isDaybookError, type DaybookError } from '@daybook/kernel/errors.ts';
import type { Position, RecordedEvent, StreamName } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { Database } from '../database/database.ts';
import { failpoint } from '../failpoints/failpoint.ts';
import { failureText } from '../parking/failure-text.ts';
import { ask } from '../topics/postgres-statement.ts';
import { defaultRelay } from './relay-lead.ts';

/** Signalled when something was decided about the event that the relay stands before. */
export const relayChannel = 'relay';

/** The stream in which acts on the event at a position are recorded: see `command-service/operations`. */
export function blockStream(position: string): StreamName {
  return `parked-relay-${position}`;
}

/** The relay stands before an event: shown in the list of what is parked until the checkpoint is behind it. */
export type RelayBlock = Readonly<{
  /** Records the event, or that it failed again. */
  record(error: BlockingError): Promise<void>;
}>;

/** An event that cannot be read or encoded; the fields name it. */
export type BlockingError = DaybookError &
  Readonly<{ fields: Readonly<{ position: string; eventId?: unknown }> }>;

/** Whether a failure is one event's own, and which: nothing but another build, or a decision, gets past it. */
export function isBlocking(error: unknown): error is BlockingError {
  return (
    (isDaybookError(error, 'schema-unknown') || isDaybookError(error, 'schema-incompatible')) &&
    typeof error.fields['position'] === 'string'
  );
}

/** The block of one relay in `topics.relays`. */
export function relayBlock(database: Database, name: string = defaultRelay): RelayBlock {
  return {
    record: async (error) => {
      const { position, stream, revision, type, eventId, tenantId } = error.fields;
      await failpoint('relay.blocking');
      await ask(database, {
        name: 'topics.relay.block',
        text: `update topics.relays set blocked_position = $2, blocked_reason = $3, blocked_event = $4,
                 blocked_attempts = case when blocked_position = $2 then blocked_attempts + 1 else 1 end,
                 blocked_first_at = case when blocked_position = $2 then blocked_first_at else clock_timestamp() end,
                 blocked_at = clock_timestamp()
               where name = $1 returning 1`,
        values: [
          name,
          position,
          failureText(error),
          JSON.stringify({ id: eventId, type, stream, revision, tenantId }),
        ],
      });
      await failpoint('relay.blocked');
    },
  };
}

/**
 * Whether it is recorded that the event at a position is to be passed over. A log that was moved may have a decision there
 * about another one.
 */
export async function isSkipped(
  eventStore: Pick<EventStore, 'read'>,
  { position, eventId }: BlockingError['fields'],
): Promise<boolean> {
  for await (const page of eventStore.read(blockStream(position))) {
    if (page.some((act) => isDecision(act) && (skippedBy(act) ?? eventId) === eventId)) return true;
  }
  return false;
}

const isDecision = ({ type }: Pick<RecordedEvent, 'type'>): boolean => type === 'ParkedSkipped';

/** The event that a decision is about, by its id. */
const skippedBy = ({ data }: Pick<RecordedEvent, 'data'>): string | null =>
  (data as Readonly<{ eventId?: string | null }>).eventId ?? null;

/** Whether somebody gave an event up: the relay passed over it. */
export type GivenUp = (event: Pick<RecordedEvent, 'id' | 'position'>) => Promise<boolean>;

/**
 * For whoever asks of many events in the order of the log. Decisions stand in the log behind the events that they are
 * about, so that they are all read at the first question, from that event on; people make few of them. They name the
 * event by its id, which it keeps where the log is moved.
 * @param stored the log as it is stored: it may hold what this build cannot read
 */
export function givenUp(stored: Pick<EventStore, 'readAll'>): GivenUp {
  let reading: Promise<ReadonlySet<string>> | undefined;
  return async ({ id, position }) => (await (reading ??= decisions(stored, position))).has(id);
}

async function decisions(stored: Pick<EventStore, 'readAll'>, after: Position): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for await (const page of stored.readAll({ after })) {
    for (const act of page) {
      const id = isDecision(act) && act.stream.startsWith(blockStream('')) ? skippedBy(act) : null;
      if (id !== null) ids.add(id);
    }
  }
  return ids;
}
