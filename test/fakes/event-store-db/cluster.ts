/** What the stand-in says of itself: the other nodes of its cluster, and what it understands. */
import { randomUUID } from 'node:crypto';
import type { sendUnaryData, UntypedServiceImplementation } from '@grpc/grpc-js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';

/** A node as the others see it. */
export type Member = Readonly<{
  host: string;
  port: number;
  state: keyof typeof gossip.MemberInfo.VNodeState;
  isAlive: boolean;
}>;

/** Where clients ask for the leader when their connection string names several nodes. Nobody needs to say who he is. */
export function gossipService(members: () => readonly Member[]): UntypedServiceImplementation {
  return {
    read: (_: unknown, answer: sendUnaryData<InstanceType<typeof gossip.ClusterInfo>>) => {
      const list = members().map(({ host, port, state, isAlive }) =>
        new gossip.MemberInfo()
          .setInstanceId(new shared.UUID().setString(randomUUID()))
          .setTimeStamp(String(BigInt(Date.now()) * 10_000n))
          .setState(gossip.MemberInfo.VNodeState[state])
          .setIsAlive(isAlive)
          .setHttpEndPoint(new gossip.EndPoint().setAddress(host).setPort(port)),
      );
      answer(null, new gossip.ClusterInfo().setMembersList(list));
    },
  };
}

const methods: Readonly<Record<string, readonly string[]>> = {
  read: ['position', 'events'],
  append: [],
  batchappend: ['deadline_duration'],
  delete: [],
  tombstone: [],
};

export const featuresService: UntypedServiceImplementation = {
  getSupportedMethods: (
    _: unknown,
    answer: sendUnaryData<InstanceType<typeof features.SupportedMethods>>,
  ) => {
    const list = Object.entries(methods).map(([name, its]) =>
      new features.SupportedMethod()
        .setServiceName('event_store.client.streams.streams')
        .setMethodName(name)
        .setFeaturesList([...its]),
    );
    answer(null, new features.SupportedMethods().setEventStoreServerVersion('24.10.4').setMethodsList(list));
  },
};
