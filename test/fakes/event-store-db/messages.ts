/** Between the stand-in's log and the messages of the protocol. */
import { randomUUID } from 'node:crypto';
import { status, type ServiceError } from '@grpc/grpc-js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import rpcStatus from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import protobufAny from 'google-protobuf/google/protobuf/any_pb.js';
import { failure, missingProperty } from './failures.ts';
import {
  tombstone,
  type Expectation,
  type ProposedEvent,
  type StoredEvent,
  type Verdict,
} from './stored-log.ts';
import { endOfStream } from './stream-metadata.ts';

/** The name of a stream, which goes over the wire as bytes. */
export function nameOf(identifier: InstanceType<typeof shared.StreamIdentifier> | undefined): string {
  return Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8');
}

function identifierOf(name: string): InstanceType<typeof shared.StreamIdentifier> {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(name).toString('base64'));
}

/** What both kinds of append say of an expectation. */
type ExpectationOptions = Readonly<{
  hasAny(): boolean;
  hasNoStream(): boolean;
  hasStreamExists(): boolean;
}>;

export function expectationOf(options: ExpectationOptions, revision: () => string): Expectation {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no-stream';
  if (options.hasStreamExists()) return 'stream-exists';
  return Number(revision());
}

type Proposal = InstanceType<typeof streams.BatchAppendReq.ProposedMessage>;
type SingleProposal = InstanceType<typeof streams.AppendReq.ProposedMessage>;

/** @throws the error that the server answers a malformed proposal with */
export function proposedOf(message: Proposal | SingleProposal): ProposedEvent {
  const metadata = message.getMetadataMap();
  const type = metadata.get('type');
  const contentType = metadata.get('content-type');
  const id = message.getId()?.getString() ?? '';
  if (type === undefined) throw missingProperty('type');
  if (contentType === undefined) throw missingProperty('content-type');
  // The server's own exceptions reach clients without their text.
  if (!/^[0-9a-f-]{36}$/i.test(id) || type === '')
    throw failure(status.UNKNOWN, 'Exception was thrown by handler.');
  return {
    id: id.toLowerCase(),
    type,
    isJson: contentType === 'application/json',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

export function eventResponse(event: StoredEvent): InstanceType<typeof streams.ReadResp> {
  const position = String(event.position);
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(event.id))
    .setStreamIdentifier(identifierOf(event.stream))
    .setStreamRevision(String(event.revision === tombstone ? endOfStream : event.revision))
    .setCommitPosition(position)
    .setPreparePosition(position)
    .setData(event.data)
    .setCustomMetadata(event.metadata);
  recorded
    .getMetadataMap()
    .set('type', event.type)
    .set('created', String(event.created))
    .set('content-type', event.isJson ? 'application/json' : 'application/octet-stream');
  return new streams.ReadResp().setEvent(
    new streams.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(position),
  );
}

export function notFoundResponse(stream: string): InstanceType<typeof streams.ReadResp> {
  return new streams.ReadResp().setStreamNotFound(
    new streams.ReadResp.StreamNotFound().setStreamIdentifier(identifierOf(stream)),
  );
}

export function confirmationResponse(): InstanceType<typeof streams.ReadResp> {
  return new streams.ReadResp().setConfirmation(
    new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(randomUUID()),
  );
}

export function checkpointResponse(position: bigint): InstanceType<typeof streams.ReadResp> {
  return new streams.ReadResp().setCheckpoint(
    new streams.ReadResp.Checkpoint()
      .setCommitPosition(String(position))
      .setPreparePosition(String(position)),
  );
}

/** What a subscription is told once it has come to the end of the log. */
export function caughtUpResponse(): InstanceType<typeof streams.ReadResp> {
  return new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp());
}

/** The answer to a whole append by itself. */
export function appendResponse(
  verdict: Verdict,
  expected: Expectation,
): InstanceType<typeof streams.AppendResp> {
  if (verdict.kind === 'wrong-expected-version') {
    const wrong = new streams.AppendResp.WrongExpectedVersion();
    if (verdict.current >= 0) wrong.setCurrentRevision(String(verdict.current));
    else wrong.setCurrentNoStream(new shared.Empty());
    if (expected === 'any') wrong.setExpectedAny(new shared.Empty());
    else if (expected === 'no-stream') wrong.setExpectedNoStream(new shared.Empty());
    else if (expected === 'stream-exists') wrong.setExpectedStreamExists(new shared.Empty());
    else wrong.setExpectedRevision(String(expected));
    return new streams.AppendResp().setWrongExpectedVersion(wrong);
  }
  if (verdict.kind === 'stream-deleted') throw new TypeError('A deleted stream is an error.');
  const success = new streams.AppendResp.Success().setCurrentRevision(String(verdict.revision));
  if (verdict.position === undefined) success.setNoPosition(new shared.Empty());
  else {
    const position = String(verdict.position);
    success.setPosition(
      new streams.AppendResp.Position().setCommitPosition(position).setPreparePosition(position),
    );
  }
  return new streams.AppendResp().setSuccess(success);
}

/** The answer to one append among those of a connection. */
export function batchResponse(
  correlationId: InstanceType<typeof shared.UUID> | undefined,
  stream: string,
  outcome: Verdict | ServiceError,
  expected: Expectation,
): InstanceType<typeof streams.BatchAppendResp> {
  const response = new streams.BatchAppendResp()
    .setCorrelationId(correlationId)
    .setStreamIdentifier(identifierOf(stream));
  if (outcome instanceof Error) return response.setError(errorStatus(outcome));
  if (outcome.kind === 'wrong-expected-version') {
    return response.setError(
      detailed('WrongExpectedVersion', wrongVersion(outcome.current, expected), status.ALREADY_EXISTS),
    );
  }
  if (outcome.kind === 'stream-deleted') {
    const deleted = new shared.StreamDeleted().setStreamIdentifier(identifierOf(stream));
    return response.setError(detailed('StreamDeleted', deleted, status.NOT_FOUND));
  }
  const success = new streams.BatchAppendResp.Success().setCurrentRevision(String(outcome.revision));
  if (outcome.position === undefined) success.setNoPosition(new empty.Empty());
  else {
    const position = String(outcome.position);
    success.setPosition(
      new shared.AllStreamPosition().setCommitPosition(position).setPreparePosition(position),
    );
  }
  return response.setSuccess(success);
}

function wrongVersion(
  current: number,
  expected: Expectation,
): InstanceType<typeof shared.WrongExpectedVersion> {
  const wrong = new shared.WrongExpectedVersion();
  if (current >= 0) wrong.setCurrentStreamRevision(String(current));
  else wrong.setCurrentNoStream(new empty.Empty());
  if (expected === 'any') wrong.setExpectedAny(new empty.Empty());
  else if (expected === 'no-stream') wrong.setExpectedNoStream(new empty.Empty());
  else if (expected === 'stream-exists') wrong.setExpectedStreamExists(new empty.Empty());
  else wrong.setExpectedStreamPosition(String(expected));
  return wrong;
}

function errorStatus(error: ServiceError): InstanceType<typeof rpcStatus.Status> {
  const [most] = error.metadata.get('maximum-append-size');
  if (most !== undefined) {
    const exceeded = new shared.MaximumAppendSizeExceeded().setMaxappendsize(Number(most));
    return detailed('MaximumAppendSizeExceeded', exceeded, status.INVALID_ARGUMENT);
  }
  if (error.code === status.DEADLINE_EXCEEDED) return detailed('Timeout', new shared.Timeout(), error.code);
  return detailed('BadRequest', new shared.BadRequest().setMessage(error.details), status.INVALID_ARGUMENT);
}

function detailed(
  name: string,
  message: Readonly<{ serializeBinary(): Uint8Array }>,
  code: status,
): InstanceType<typeof rpcStatus.Status> {
  const details = new protobufAny.Any();
  details.pack(message.serializeBinary(), `event_store.client.${name}`);
  return new rpcStatus.Status()
    .setCode(code as never)
    .setMessage(name)
    .setDetails(details);
}
