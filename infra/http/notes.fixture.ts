/** A small domain for specs of the HTTP interface: notes that can be added and changed, and keys that are shown once. */
import { z } from 'zod';
import { defineCommand, type Command } from '@daybook/kernel/command.ts';
import { accept, reject, type Decider } from '@daybook/kernel/decider.ts';
import type { RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import { defineQuery, type Query } from '@daybook/kernel/query.ts';

type NoteEvent =
  { type: 'NoteAdded' | 'NoteChanged'; data: { text: string } } | { type: 'KeyMade'; data: object };
type NoteState = { text: string | null };
type NoteCommand = { do: 'add' | 'change'; text: string } | { do: 'makeKey' };

const note: Decider<NoteCommand, NoteEvent, NoteState> = {
  category: 'note',
  initialState: () => ({ text: null }),
  evolve: (state, event) => (event.type === 'KeyMade' ? state : { text: event.data.text }),
  decide: (command, state) => {
    if (command.do === 'makeKey') return accept<NoteEvent>({ type: 'KeyMade', data: {} });
    const { text } = command;
    if (command.do === 'add') return accept<NoteEvent>({ type: 'NoteAdded', data: { text } });
    if (state.text === null) return reject({ code: 'note-unknown', detail: 'There is no such note.' });
    if (state.text === text) return accept();
    return text === 'forbidden'
      ? reject({ code: 'text-forbidden', detail: 'That may not be said.', about: { length: text.length } })
      : accept<NoteEvent>({ type: 'NoteChanged', data: { text } });
  },
};

const text = z.string().min(1).max(200);
const noteId = z.uuid();

export const noteCommands: readonly Command[] = [
  defineCommand({
    name: 'AddNote',
    summary: 'Adds a note.',
    access: ['owner', 'user'],
    method: 'POST',
    path: '/v1/notes',
    status: 201,
    input: z.strictObject({
      text,
      tags: z.array(z.string()).max(5).optional(),
      due: z.strictObject({ cron: z.string(), timeZone: z.string() }).optional(),
    }),
    output: z.strictObject({ noteId, text }),
    decider: note,
    streamId: (_, context) => context.id(0),
    command: (input): NoteCommand => ({ do: 'add', text: input.text }),
    answer: ({ input, streamId }) => ({ noteId: streamId, text: input.text }),
  }),
  defineCommand({
    name: 'ChangeNote',
    summary: 'Changes a note.',
    access: ['owner', 'user'],
    method: 'PUT',
    path: '/v1/notes/{noteId}',
    status: 200,
    input: z.strictObject({ noteId, text }),
    output: z.strictObject({ text }),
    rejections: { 'note-unknown': 404 },
    decider: note,
    streamId: (input) => input.noteId,
    command: (input): NoteCommand => ({ do: 'change', text: input.text }),
    answer: ({ state }) => ({ text: state.text ?? '' }),
  }),
  defineCommand({
    name: 'MakeKey',
    summary: 'Makes a key and shows it once.',
    access: ['owner'],
    method: 'POST',
    path: '/v1/keys',
    status: 201,
    input: z.strictObject({}),
    output: z.strictObject({ key: z.string() }),
    secretAnswer: true,
    decider: note,
    streamId: (_, context) => context.id(0),
    command: (): NoteCommand => ({ do: 'makeKey' }),
    answer: ({ context }) => ({ key: `planted-key-${context.id(1)}` }),
  }),
  defineCommand({
    name: 'Knock',
    summary: 'Can be called by anyone.',
    access: 'public',
    method: 'POST',
    path: '/v1/knock',
    status: 202,
    input: z.strictObject({ email: z.email() }),
    output: z.strictObject({ email: z.string() }),
    decider: note,
    streamId: (_, context) => context.id(0),
    tenantId: () => 'doorstep',
    command: (): NoteCommand => ({ do: 'add', text: 'knock' }),
    answer: ({ input }) => ({ email: input.email }),
  }),
  defineCommand({
    name: 'SweepNotes',
    summary: 'Has no route.',
    access: 'internal',
    method: 'POST',
    path: '/v1/sweep',
    status: 204,
    input: z.strictObject({}),
    output: z.undefined(),
    decider: note,
    streamId: () => 'sweep',
    command: (): NoteCommand => ({ do: 'makeKey' }),
    answer: () => undefined,
  }),
];

/** One tenant's notes, read from the log: the domain needs no read model. */
export type NotesOf = Readonly<{ all(): Promise<readonly Readonly<{ noteId: string; text: string }>[]> }>;

export function notesOf(store: EventStore, tenantId: string): NotesOf {
  return {
    all: async () => {
      const notes = new Map<string, { noteId: string; text: string }>();
      for await (const page of store.readAll()) {
        for (const event of page as readonly RecordedEvent<NoteEvent>[]) {
          if (event.metadata.tenantId !== tenantId || event.type === 'KeyMade') continue;
          const id = event.stream.slice('note-'.length);
          notes.set(id, { noteId: id, text: event.data.text });
        }
      }
      return [...notes.values()];
    },
  };
}

const shownNote = z.strictObject({ noteId, text });

export const noteQueries: readonly Query<NotesOf>[] = [
  defineQuery({
    name: 'listNotes',
    summary: 'Lists notes.',
    access: ['owner', 'user', 'auditor'],
    path: '/v1/notes',
    input: z.strictObject({
      limit: z.coerce.number().int().min(1).max(100).default(20),
      word: z.string().optional(),
    }),
    output: z.strictObject({ items: z.array(shownNote) }),
    reads: ['notes'],
    run: async (db: NotesOf, { limit, word }) => ({
      items: (await db.all())
        .filter((each) => word === undefined || each.text.includes(word))
        .slice(0, limit),
    }),
    formats: { 'text/csv': ({ items }) => items.map((each) => `${each.noteId},${each.text}\n`).join('') },
  }),
  defineQuery({
    name: 'getNote',
    summary: 'Shows a note.',
    access: ['owner', 'user', 'auditor'],
    path: '/v1/notes/{noteId}',
    input: z.strictObject({ noteId }),
    output: shownNote,
    reads: ['notes'],
    run: async (db: NotesOf, input) => (await db.all()).find((each) => each.noteId === input.noteId) ?? null,
  }),
];
