import { once } from 'node:events';
import { status, type ServerWritableStream } from '@grpc/grpc-js';
import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { failure, invalidArgument, invalidPosition, streamDeleted } from './failures.ts';
import {
  caughtUpResponse,
  checkpointResponse,
  confirmationResponse,
  eventResponse,
  nameOf,
  notFoundResponse,
} from './messages.ts';
import type { StoredEvent, StoredLog } from './stored-log.ts';

type Call = ServerWritableStream<ReadReq, ReadResp>;
type Options = NonNullable<ReturnType<ReadReq['getOptions']>>;

/** Answers a read or a subscription. Waits for a slow reader, as the server does. */
export async function readEvents(call: Call, log: StoredLog): Promise<void> {
  try {
    const options = call.request.getOptions();
    if (options === undefined) throw invalidArgument('Options are missing.');
    if (!options.hasUuidOption()) throw invalidArgument("'uuidOption' is a required argument.");
    if (!options.hasFilter() && !options.hasNoFilter()) throw invalidArgument('The combination is invalid.');
    if (options.hasSubscription()) await subscribe(call, options, log);
    else await read(call, options, log);
  } catch (error) {
    call.emit('error', error as Error);
  }
}

async function read(call: Call, options: Options, log: StoredLog): Promise<void> {
  const count = Number(options.getCount());
  const wanted = filterOf(options);
  let left = count;
  for (const event of chosen(call, options, log)) {
    if (left === 0 || call.cancelled) break;
    if (!wanted(event)) continue;
    left -= 1;
    await send(call, eventResponse(event));
  }
  call.end();
}

function chosen(call: Call, options: Options, log: StoredLog): readonly StoredEvent[] {
  const backwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
  const own = options.getStream();
  if (own !== undefined) {
    const name = nameOf(own.getStreamIdentifier());
    const events = log.read(name);
    if (events === 'tombstoned') throw streamDeleted(name);
    if (events === undefined) {
      call.write(notFoundResponse(name));
      return [];
    }
    const from = own.hasEnd() ? Infinity : own.hasStart() ? 0 : Number(own.getRevision());
    return backwards
      ? events.filter(({ revision }) => revision <= from).reverse()
      : events.filter(({ revision }) => revision >= from);
  }
  const all = log.all();
  const from = startOf(options, log);
  // Backwards a position is exclusive, forwards it is inclusive.
  return backwards ? all.slice(0, from).reverse() : all.slice(from);
}

/** Index of the first event that a read of `$all` yields forwards. */
function startOf(options: Options, log: StoredLog): number {
  const own = options.getAll();
  const position = own?.getPosition();
  if (position === undefined) return own?.hasEnd() === true ? log.all().length : 0;
  const index = log.indexAt(BigInt(position.getCommitPosition()));
  if (index === undefined) throw invalidPosition();
  return index;
}

/** Events that the server looks through at a time, unless the filter asks for another number. */
const searchWindow = 32;

/** Events looked through between two checkpoints; a subscription without a filter is given none. */
function checkpointInterval(options: Options): number {
  const filter = options.getFilter();
  if (filter === undefined) return Infinity;
  if (!filter.hasMax() && !filter.hasCount()) throw invalidArgument('A filter needs a window.');
  const window = filter.hasMax() ? filter.getMax() : searchWindow;
  return window * filter.getCheckpointintervalmultiplier();
}

async function subscribe(call: Call, options: Options, log: StoredLog): Promise<void> {
  if (!options.hasAll()) throw failure(status.UNIMPLEMENTED, 'The stand-in follows $all alone.');
  const wanted = filterOf(options);
  const interval = checkpointInterval(options);
  const after = BigInt(options.getAll()?.getPosition()?.getCommitPosition() ?? -1);
  let next = startOf(options, log);
  let passed = 0;
  let told: bigint | undefined;
  await send(call, confirmationResponse());
  const tell = async (position: bigint | undefined): Promise<void> => {
    if (interval === Infinity || position === undefined || position === told) return;
    told = position;
    await send(call, checkpointResponse(position));
  };
  for (let live = false; ; live = true) {
    for (; next < log.all().length; next += 1) {
      if (call.cancelled) return;
      const event = log.all()[next] as StoredEvent;
      // A subscription begins after its position, also where that is not there yet.
      if (event.position <= after) continue;
      if (wanted(event)) await send(call, eventResponse(event));
      passed += 1;
      if (passed % interval === 0) await tell(event.position);
    }
    if (!live) {
      await tell(log.all().at(-1)?.position);
      await send(call, caughtUpResponse());
    }
    if (!(await written(call, log, () => next < log.all().length))) return;
  }
}

/** Waits for the next write. False once the call is over. */
function written(call: Call, log: StoredLog, already: () => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (going: boolean) => () => {
      stop();
      call.off('cancelled', over);
      resolve(going);
    };
    const over = finish(false);
    const stop = log.onWrite(finish(true));
    call.on('cancelled', over);
    if (call.cancelled) over();
    else if (already()) finish(true)();
  });
}

function filterOf(options: Options): (event: StoredEvent) => boolean {
  const filter = options.getFilter();
  if (filter === undefined) return () => true;
  const expression = filter.getEventType() ?? filter.getStreamIdentifier();
  const text = ({ type, stream }: StoredEvent): string => (filter.hasEventType() ? type : stream);
  const prefixes = expression?.getPrefixList() ?? [];
  if (prefixes.length > 0) return (event) => prefixes.some((prefix) => text(event).startsWith(prefix));
  const pattern = new RegExp(expression?.getRegex() ?? '');
  return (event) => pattern.test(text(event));
}

async function send(call: Call, response: ReadResp): Promise<void> {
  if (call.write(response) || call.cancelled) return;
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([
    once(call, 'drain', { signal }),
    once(call, 'cancelled', { signal }),
    once(call, 'close', { signal }),
  ]).finally(() => {
    over.abort();
  });
}
