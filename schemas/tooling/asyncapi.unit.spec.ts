import avsc from 'avsc';

import { describe, expect, test } from '@jest/globals';

import { topicContracts } from '../topics.ts';
import { asyncApi } from './asyncapi.ts';
import { generateOutputs } from './outputs.ts';

type Node = Record<string, unknown>;

const { whole, files } = generateOutputs();
const document = asyncApi(whole, topicContracts);
const part = (name: string): Record<string, Node> => document[name] as Record<string, Node>;
const components = document['components'] as Record<string, Record<string, Node>>;

/** What a JSON pointer of the document leads to. */
function resolve(reference: string): unknown {
  return reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((node, name) => (node as Node | undefined)?.[name], document);
}

function references(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([name, value]) =>
    name === '$ref' ? [value as string] : references(value),
  );
}

/** The members each object of AsyncAPI 3.0 may have; https://www.asyncapi.com/docs/reference/specification/v3.0.0 */
const members = {
  root: ['asyncapi', 'id', 'info', 'servers', 'defaultContentType', 'channels', 'operations', 'components'],
  channel: [
    'address',
    'messages',
    'title',
    'summary',
    'description',
    'servers',
    'parameters',
    'tags',
    'externalDocs',
    'bindings',
  ],
  operation: [
    'action',
    'channel',
    'title',
    'summary',
    'description',
    'security',
    'tags',
    'externalDocs',
    'bindings',
    'traits',
    'messages',
    'reply',
  ],
  message: [
    'headers',
    'payload',
    'correlationId',
    'contentType',
    'name',
    'title',
    'summary',
    'description',
    'tags',
    'externalDocs',
    'bindings',
    'examples',
    'traits',
  ],
};

const only = (node: object, allowed: readonly string[]): void => {
  expect(Object.keys(node).filter((name) => !allowed.includes(name))).toEqual([]);
};

describe('the AsyncAPI document', () => {
  test('has what AsyncAPI 3.0 asks for, and nothing it does not know', () => {
    expect(document['asyncapi']).toBe('3.0.0');
    expect(document['info']).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    only(document, members.root);
    for (const channel of Object.values(part('channels'))) only(channel, members.channel);
    for (const operation of Object.values(part('operations'))) only(operation, members.operation);
    for (const message of Object.values(components['messages'] ?? {})) only(message, members.message);
    for (const kind of Object.values(components))
      for (const name of Object.keys(kind)) expect(name).toMatch(/^[a-zA-Z0-9.\-_]+$/);
  });

  test('has only references that lead somewhere', () => {
    const all = references(document);
    expect(all.length).toBeGreaterThan(0);
    expect(all.filter((reference) => resolve(reference) === undefined)).toEqual([]);
  });

  test('has a channel for each topic, with key and partitions', () => {
    const channels = Object.values(part('channels'));
    expect(channels.map(({ address }) => address)).toEqual(topicContracts.map(({ name }) => name));
    channels.forEach((channel, index) => {
      expect(channel['bindings']).toMatchObject({
        kafka: { topic: channel['address'], partitions: topicContracts[index]?.partitions },
      });
    });
  });

  test('has operations whose messages stand on their channel', () => {
    for (const operation of Object.values(part('operations'))) {
      expect(['send', 'receive']).toContain(operation['action']);
      const channel = (operation['channel'] as { $ref: string }).$ref;
      for (const { $ref } of operation['messages'] as { $ref: string }[])
        expect($ref.startsWith(`${channel}/messages/`)).toBe(true);
    }
  });

  test('has every version of every type, as Avro that any reader takes', () => {
    const messages = Object.values(components['messages'] ?? {});
    expect(messages).toHaveLength(whole.length);
    for (const message of messages) {
      const { schemaFormat, schema } = message['payload'] as { schemaFormat: string; schema: avsc.Schema };
      expect(schemaFormat).toMatch(/^application\/vnd\.apache\.avro\+json;version=/);
      expect(avsc.Type.forSchema(schema).name).toMatch(/^daybook\.[a-z]+\.[A-Z]\w+$/);
    }
  });

  test('keeps each message on one channel', () => {
    const named = Object.values(part('channels')).flatMap((channel) =>
      Object.keys(channel['messages'] as object),
    );
    expect(named.sort()).toEqual(Object.keys(components['messages'] ?? {}).sort());
  });
});

test('the catalogue names every type, its fields and what is sealed', () => {
  const page = files.get('docs/reference/events.md') ?? '';
  for (const { name, schema } of whole) {
    expect(page).toContain(`### ${name}\n`);
    for (const field of schema.fields) expect(page).toContain(`\`${field.name}\``);
  }
  expect(page).toMatch(/`email` \| string \| .* \*\*Sealed\*\* for the person\. \|/);
});
