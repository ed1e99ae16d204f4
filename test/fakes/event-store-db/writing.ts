/** Answers appends and deletions. */
import {
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
  DeleteReq,
  TombstoneReq,
} from '@eventstore/db-client/generated/streams_pb.js';
import {
  eventTooLarge,
  failure,
  invalidArgument,
  streamDeleted,
  tooLarge,
  wrongExpectedVersion,
} from './failures.ts';
import { appendResponse, batchResponse, expectationOf, nameOf, proposedOf } from './messages.ts';
import type { Expectation, ProposedEvent, StoredLog, Verdict } from './stored-log.ts';

export type WritingOptions = Readonly<{
  log: StoredLog;
  /** Largest append in bytes, and largest event. */
  maxAppendBytes: number;
  maxEventBytes: number;
  afterwards: (() => ServiceError | undefined) | undefined;
}>;

export type Writing = Readonly<{
  append(call: ServerReadableStream<AppendReq, AppendResp>, answer: sendUnaryData<AppendResp>): void;
  batchAppend(call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>): void;
  remove<Answer>(
    call: ServerUnaryCall<DeleteReq | TombstoneReq, Answer>,
    answer: sendUnaryData<Answer>,
    how: 'soft' | 'hard',
    empty: () => Answer,
  ): void;
}>;

/** As the server counts an event: by what it stores of it. */
function sizeOf({ type, data, metadata }: ProposedEvent): number {
  return data.length + metadata.length + 2 * type.length;
}

export function writing({ log, maxAppendBytes, maxEventBytes, afterwards }: WritingOptions): Writing {
  function checkSizes(proposed: readonly ProposedEvent[]): void {
    let bytes = 0;
    for (const event of proposed) {
      const size = sizeOf(event);
      if (size > maxEventBytes) throw eventTooLarge(event.id, size, maxEventBytes);
      bytes += size;
      if (bytes > maxAppendBytes) throw tooLarge(maxAppendBytes);
    }
  }

  function append(
    call: ServerReadableStream<AppendReq, AppendResp>,
    answer: sendUnaryData<AppendResp>,
  ): void {
    const requests: AppendReq[] = [];
    call.on('data', (request: AppendReq) => requests.push(request));
    call.on('error', () => undefined);
    call.on('end', () => {
      // A call that the client gave up is not carried out.
      if (call.cancelled) return;
      try {
        const [first, ...rest] = requests;
        const header = first?.getOptions();
        // The server's own exceptions reach clients without their text.
        if (header === undefined) throw failure(status.UNKNOWN, 'Exception was thrown by handler.');
        const stream = nameOf(header.getStreamIdentifier());
        const expected = expectationOf(header, () => header.getRevision());
        const proposed = rest.map((request) => {
          const message = request.getProposedMessage();
          if (message === undefined) throw failure(status.UNKNOWN, 'Exception was thrown by handler.');
          return proposedOf(message);
        });
        checkSizes(proposed);
        const verdict = log.append(stream, expected, proposed);
        if (verdict.kind === 'stream-deleted') throw streamDeleted(stream);
        const lost = afterwards?.();
        if (lost !== undefined) throw lost;
        answer(null, appendResponse(verdict, expected));
      } catch (error) {
        answer(error as Error);
      }
    });
  }

  function batchAppend(call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>): void {
    const open = new Map<string, { options: BatchOptions; proposed: ProposedEvent[] }>();
    call.on('data', (request: BatchAppendReq) => {
      const correlationId = request.getCorrelationId();
      const key = correlationId?.getString() ?? '';
      const options = request.getOptions() ?? open.get(key)?.options;
      if (options === undefined) return;
      const entry = open.get(key) ?? { options, proposed: [] };
      const stream = nameOf(options.getStreamIdentifier());
      const expected = expectationOf(options, () => options.getStreamPosition());
      const outcome = batched(request, entry, stream, expected);
      if (outcome === undefined) {
        open.set(key, entry);
        return;
      }
      open.delete(key);
      call.write(batchResponse(correlationId, stream, outcome, expected));
    });
    call.on('end', () => call.end());
  }

  /** What is answered to a part of a batched append; undefined where more parts follow. */
  function batched(
    request: BatchAppendReq,
    { options, proposed }: { options: BatchOptions; proposed: ProposedEvent[] },
    stream: string,
    expected: Expectation,
  ): Verdict | ServiceError | undefined {
    try {
      // A time of day, by the server's clock.
      if ((options.getDeadline()?.toDate().getTime() ?? Infinity) <= Date.now()) {
        throw failure(status.DEADLINE_EXCEEDED, 'Timeout');
      }
      proposed.push(...request.getProposedMessagesList().map(proposedOf));
      checkSizes(proposed);
      return request.getIsFinal() ? log.append(stream, expected, proposed) : undefined;
    } catch (error) {
      return error as ServiceError;
    }
  }

  function remove<Answer>(
    call: ServerUnaryCall<DeleteReq | TombstoneReq, Answer>,
    answer: sendUnaryData<Answer>,
    how: 'soft' | 'hard',
    empty: () => Answer,
  ): void {
    const own = call.request.getOptions();
    if (own === undefined) {
      answer(invalidArgument('Options are missing.'));
      return;
    }
    const stream = nameOf(own.getStreamIdentifier());
    const expected = expectationOf(own, () => own.getRevision());
    const verdict = log.remove(stream, expected, how);
    if (verdict.kind === 'stream-deleted') answer(streamDeleted(stream));
    else if (verdict.kind === 'wrong-expected-version') {
      answer(wrongExpectedVersion(stream, expected, verdict.current));
    } else answer(null, empty());
  }

  return { append, batchAppend, remove };
}

type BatchOptions = NonNullable<ReturnType<BatchAppendReq['getOptions']>>;
