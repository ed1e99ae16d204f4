import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import features from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_grpc_pb.js';
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
import { featuresService, gossipService, type Member } from './cluster.ts';
import { accessDenied, notLeader, unauthenticated } from './failures.ts';
import { ownCertificate } from '../../support/certificate.ts';
import { freePort } from '../../support/ports.ts';
import { readEvents } from './reading.ts';
import { storedLog, type StoredLog } from './stored-log.ts';
import { writing } from './writing.ts';

export type StandInOptions = Readonly<{
  /** What it stands on; another server may take it over, as a restarted one does. Default: an empty one. */
  log?: StoredLog;
  /** TCP port of 127.0.0.1. Default: a free one, at which another can start after this one. */
  port?: number;
  /** Largest append in bytes. Default 1 MiB, as the server's before 25.1, whose own is 256 MiB. */
  maxAppendBytes?: number;
  /** Largest event in bytes. Default: none of its own, as the server's before 25.1, whose own is 16 MiB. */
  maxEventBytes?: number;
  /** Calls without these are refused; they go over TLS, since clients send none in the clear. Default: everybody may. */
  credentials?: Credentials;
  /** The leader of the cluster that it follows: appends are sent there. Default: it leads. */
  leader?: Readonly<{ host: string; port: number }>;
  /** The nodes of the cluster, for clients that know several. Default: it says nothing of nodes. */
  members?: () => readonly Member[];
  /** What it answers instead of doing what a call asks, such as that it is not ready; `silence` for nothing at all. */
  instead?: (method: Method) => ServiceError | 'silence' | undefined;
  /** What it answers to an append that it has carried out, instead of the result: such as that it took too long. */
  afterwards?: () => ServiceError | undefined;
}>;

export type Method = 'read' | 'append' | 'batchAppend' | 'delete' | 'tombstone';

type Credentials = Readonly<{
  username: string;
  password: string;
  /** Default true. Others read no `$all`. */
  isAdmin?: boolean;
}>;

/** Largest message that the server takes: its largest record. */
const largestMessage = 16 * 1024 * 1024 - 10_000;

function refusedUser(
  { username, password, isAdmin = true }: Credentials,
  authorization: unknown,
  ofAll: boolean,
): ServiceError | undefined {
  if (authorization === undefined) return accessDenied();
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  if (authorization !== wanted) return unauthenticated();
  return ofAll && !isAdmin ? accessDenied() : undefined;
}

export type StandIn = Readonly<{
  /** Connection string for clients. */
  url: string;
  port: number;
  log: StoredLog;
  /** Calls that came, by method, since it started. */
  calls: ReadonlyMap<Method, number>;
  /** Breaks every connection off. Idempotent. */
  stop(): Promise<void>;
}>;

/**
 * A stand-in for EventStoreDB, for tests where no real one runs: its protocol, by the service definitions of its own
 * client, on a log in memory. It knows appends (single and batched), reads of streams and of `$all`, subscriptions to `$all`
 * with filters and checkpoints, metadata that bounds a stream, deletes, tombstones, deadlines, credentials, the nodes of a
 * cluster and a change of leader; no projections, no persistent subscriptions, no access lists, no links.
 */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const { log = storedLog(), maxAppendBytes = 1_048_576, maxEventBytes = Infinity, credentials } = options;
  const calls = new Map<Method, number>();
  const server = new Server({ 'grpc.max_receive_message_length': largestMessage });

  /** The error that a call is refused with before it is looked at. */
  function refusal(
    call: Pick<ServerUnaryCall<unknown, unknown>, 'metadata'>,
    method: Method,
    ofAll = false,
  ): ServiceError | 'silence' | undefined {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    const [authorization] = call.metadata.get('authorization');
    return (
      (credentials === undefined ? undefined : refusedUser(credentials, authorization, ofAll)) ??
      options.instead?.(method) ??
      (options.leader !== undefined && call.metadata.get('requires-leader')[0] === 'true'
        ? notLeader(options.leader)
        : undefined)
    );
  }

  const write = writing({ log, maxAppendBytes, maxEventBytes, afterwards: options.afterwards });
  server.addService(service.StreamsService, {
    read: (call: ServerWritableStream<ReadReq, ReadResp>) => {
      const refused = refusal(call, 'read', call.request.getOptions()?.hasAll());
      if (refused === undefined) void readEvents(call, log);
      else if (refused !== 'silence') call.emit('error', refused);
    },
    append: (call: ServerReadableStream<AppendReq, AppendResp>, answer: sendUnaryData<AppendResp>) => {
      const refused = refusal(call, 'append');
      if (refused === undefined) write.append(call, answer);
      else if (refused !== 'silence') answer(refused);
    },
    batchAppend: (call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>) => {
      const refused = refusal(call, 'batchAppend');
      if (refused === undefined) write.batchAppend(call);
      else if (refused !== 'silence') call.emit('error', refused);
    },
    delete: (call: ServerUnaryCall<DeleteReq, DeleteResp>, answer: sendUnaryData<DeleteResp>) => {
      const refused = refusal(call, 'delete');
      if (refused === undefined) write.remove(call, answer, 'soft', () => new streams.DeleteResp());
      else if (refused !== 'silence') answer(refused);
    },
    tombstone: (call: ServerUnaryCall<TombstoneReq, TombstoneResp>, answer: sendUnaryData<TombstoneResp>) => {
      const refused = refusal(call, 'tombstone');
      if (refused === undefined) write.remove(call, answer, 'hard', () => new streams.TombstoneResp());
      else if (refused !== 'silence') answer(refused);
    },
  });
  server.addService(features.ServerFeaturesService, featuresService);
  if (options.members !== undefined) server.addService(gossip.GossipService, gossipService(options.members));
  const tls = credentials === undefined ? undefined : await ownCertificate();
  const asked = options.port ?? (await freePort());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `127.0.0.1:${String(asked)}`,
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
