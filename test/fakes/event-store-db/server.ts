import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import features from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import supported from '@eventstore/db-client/generated/serverfeatures_pb.js';
import service from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
  DeleteReq,
  DeleteResp,
  ReadReq,
  ReadResp,
  TombstoneReq,
  TombstoneResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import {
  failure,
  appendResponse,
  batchResponse,
  expectationOf,
  nameOf,
  proposedOf,
  streamDeleted,
  tooLarge,
} from './messages.ts';
import { ownCertificate } from '../../support/certificate.ts';
import { readEvents } from './reading.ts';
import {
  storedLog,
  type Expectation,
  type ProposedEvent,
  type StoredLog,
  type Verdict,
} from './stored-log.ts';

export type StandInOptions = Readonly<{
  /** What it stands on; another server may take it over, as a restarted one does. Default: an empty one. */
  log?: StoredLog;
  /** TCP port of 127.0.0.1. Default: a free one. */
  port?: number;
  /** Largest append in bytes. Default 1 MiB, as the server's. */
  maxAppendBytes?: number;
  /** Calls without these are refused; they go over TLS, since clients send none in the clear. Default: everybody may. */
  credentials?: Readonly<{ username: string; password: string }>;
  /** The leader of the cluster that it follows: appends are sent there. Default: it leads. */
  leader?: Readonly<{ host: string; port: number }>;
}>;

export type StandIn = Readonly<{
  /** Connection string for clients. */
  url: string;
  port: number;
  log: StoredLog;
  /** Calls that came, by method, since it started. */
  calls: ReadonlyMap<string, number>;
  /** Breaks every connection off. Idempotent. */
  stop(): Promise<void>;
}>;

/**
 * A stand-in for EventStoreDB, for tests where no real one runs: its protocol, by the service definitions of its own
 * client, on a log in memory. It knows appends (single and batched), reads and subscriptions of streams and of `$all` with
 * filters and checkpoints, deletes, tombstones, deadlines, credentials and a change of leader; no projections, no
 * persistent subscriptions, no access lists, no links.
 */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const { log = storedLog(), maxAppendBytes = 1_048_576, credentials } = options;
  const calls = new Map<string, number>();
  const server = new Server({ 'grpc.max_receive_message_length': 17 * 1024 * 1024 });

  /** The error that a call is refused with before it is looked at. */
  function refusal(
    call: Pick<ServerUnaryCall<unknown, unknown>, 'metadata'>,
    method: string,
  ): ReturnType<typeof failure> | undefined {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    if (credentials !== undefined) {
      const { username, password } = credentials;
      const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
      if (call.metadata.get('authorization')[0] !== wanted) {
        return failure(status.UNAUTHENTICATED, 'Not Authenticated');
      }
    }
    const { leader } = options;
    if (leader === undefined || call.metadata.get('requires-leader')[0] !== 'true') return undefined;
    return failure(status.NOT_FOUND, `Leader info available. Use ${leader.host}:${String(leader.port)}.`, {
      exception: 'not-leader',
      'leader-endpoint-host': leader.host,
      'leader-endpoint-port': String(leader.port),
    });
  }

  function write(stream: string, expected: Expectation, proposed: readonly ProposedEvent[]): Verdict {
    const bytes = proposed.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
    if (bytes > maxAppendBytes) throw tooLarge(maxAppendBytes);
    return log.append(stream, expected, proposed);
  }

  function append(
    call: ServerReadableStream<AppendReq, AppendResp>,
    answer: sendUnaryData<AppendResp>,
  ): void {
    const refused = refusal(call, 'append');
    if (refused !== undefined) {
      answer(refused);
      return;
    }
    const requests: AppendReq[] = [];
    call.on('data', (request: AppendReq) => requests.push(request));
    call.on('end', () => {
      try {
        const header = requests.find((request) => request.hasOptions())?.getOptions();
        if (header === undefined) throw failure(status.INVALID_ARGUMENT, 'Options come first.');
        const stream = nameOf(header.getStreamIdentifier());
        const expected = expectationOf(header, () => header.getRevision());
        const proposed = requests.flatMap((request) => {
          const message = request.getProposedMessage();
          return message === undefined ? [] : [proposedOf(message)];
        });
        const verdict = write(stream, expected, proposed);
        if (verdict.kind === 'stream-deleted') throw streamDeleted(stream);
        answer(null, appendResponse(verdict, expected));
      } catch (error) {
        answer(error as Error);
      }
    });
  }

  function batchAppend(call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>): void {
    const refused = refusal(call, 'batchAppend');
    if (refused !== undefined) {
      call.emit('error', refused);
      return;
    }
    type Options = ReturnType<BatchAppendReq['getOptions']>;
    const open = new Map<string, { options: Options; proposed: ProposedEvent[] }>();
    call.on('data', (request: BatchAppendReq) => {
      const correlationId = request.getCorrelationId();
      const key = correlationId?.getString() ?? '';
      const entry = open.get(key) ?? { options: request.getOptions(), proposed: [] };
      open.set(key, entry);
      const { options: own } = entry;
      const stream = nameOf(own?.getStreamIdentifier());
      const expected = own === undefined ? 'any' : expectationOf(own, () => own.getStreamPosition());
      let outcome: Verdict | ReturnType<typeof failure>;
      try {
        entry.proposed.push(...request.getProposedMessagesList().map(proposedOf));
        if (!request.getIsFinal()) return;
        outcome = write(stream, expected, entry.proposed);
      } catch (error) {
        outcome = error as ReturnType<typeof failure>;
      }
      open.delete(key);
      call.write(batchResponse(correlationId, stream, outcome, expected));
    });
    call.on('end', () => call.end());
  }

  function remove<Answer>(
    call: ServerUnaryCall<DeleteReq | TombstoneReq, Answer>,
    answer: sendUnaryData<Answer>,
    how: 'soft' | 'hard',
    empty: () => Answer,
  ): void {
    const own = call.request.getOptions();
    const refused = refusal(call, how === 'soft' ? 'delete' : 'tombstone');
    if (refused !== undefined || own === undefined) {
      answer(refused ?? failure(status.INVALID_ARGUMENT, 'Options are missing.'));
      return;
    }
    const stream = nameOf(own.getStreamIdentifier());
    const expected = expectationOf(own, () => own.getRevision());
    const verdict = log.remove(stream, expected, how);
    if (verdict.kind === 'stream-deleted') answer(streamDeleted(stream));
    else if (verdict.kind === 'wrong-expected-version') {
      answer(
        failure(status.FAILED_PRECONDITION, `Append failed due to WrongExpectedVersion. Stream: ${stream}`, {
          exception: 'wrong-expected-version',
          'stream-name': stream,
          'expected-version': String(expected),
          'actual-version': String(verdict.current),
        }),
      );
    } else answer(null, empty());
  }

  server.addService(service.StreamsService, {
    read: (call: ServerWritableStream<ReadReq, ReadResp>) => {
      const refused = refusal(call, 'read');
      if (refused === undefined) void readEvents(call, log);
      else call.emit('error', refused);
    },
    append,
    batchAppend,
    delete: (call: ServerUnaryCall<DeleteReq, DeleteResp>, answer: sendUnaryData<DeleteResp>) => {
      remove(call, answer, 'soft', () => new streams.DeleteResp());
    },
    tombstone: (call: ServerUnaryCall<TombstoneReq, TombstoneResp>, answer: sendUnaryData<TombstoneResp>) => {
      remove(call, answer, 'hard', () => new streams.TombstoneResp());
    },
  });
  server.addService(features.ServerFeaturesService, {
    getSupportedMethods: (
      _: unknown,
      answer: sendUnaryData<InstanceType<typeof supported.SupportedMethods>>,
    ) => {
      const methods = ['read', 'append', 'batchappend', 'delete', 'tombstone'].map((name) =>
        new supported.SupportedMethod()
          .setServiceName('event_store.client.streams.streams')
          .setMethodName(name)
          .setFeaturesList([]),
      );
      answer(
        null,
        new supported.SupportedMethods().setEventStoreServerVersion('24.10.0').setMethodsList(methods),
      );
    },
  });
  const tls = credentials === undefined ? undefined : await ownCertificate();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `127.0.0.1:${String(options.port ?? 0)}`,
      tls === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [
            { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) },
          ]),
      (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      },
    );
  });
  let url = `esdb://127.0.0.1:${String(port)}?tls=false`;
  const folder = tls === undefined ? undefined : await mkdtemp(join(tmpdir(), 'daybook-stand-in-'));
  if (credentials !== undefined && tls !== undefined && folder !== undefined) {
    const authority = join(folder, 'ca.pem');
    await writeFile(authority, tls.cert);
    url = `esdb://${credentials.username}:${credentials.password}@localhost:${String(port)}?tls=true&tlsCAFile=${authority}`;
  }
  return {
    url,
    port,
    log,
    calls,
    stop: async () => {
      server.forceShutdown();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
