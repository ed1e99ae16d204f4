import { printPlace, type RecordedEvent, type Step } from '@daybook/kernel/event.ts';
import { commandNode, eventNode, stepNode } from './causes.ts';
import type { LineageNode, PlacedNode } from './explanation.ts';

/** An effect that is not done, or a timer that is not due. */
export type Waiting = Readonly<{
  kind: 'effect' | 'timer';
  name: string;
  id: string;
  /** ISO 8601, UTC: when it is due, or when it was given up. */
  at: string;
  state: NonNullable<LineageNode['state']>;
  /** The way to it. */
  steps: readonly Step[];
  correlationId: string;
}>;

/** What is known to have followed from something: events, and what still waits. */
export type Followers = Readonly<{ events: readonly RecordedEvent[]; waiting: readonly Waiting[] }>;

type Tree = { node: LineageNode; children: Map<string, Tree> };

/**
 * What an event led to: the steps that processes took from it, the commands they ended in, the events those recorded, and
 * so on, in order of time. Ways that begin alike share their beginning.
 * @param most nodes to answer with
 */
export function effectsOf(event: RecordedEvent, followers: Followers, most: number): readonly PlacedNode[] {
  const root: Tree = { node: eventNode(event), children: new Map() };
  grow(root, event, { ...followers, events: followers.events.toSorted(byPosition) });
  return flat(root, 0).slice(0, most);
}

/** An effect stands later in the log than its cause, so that this ends. */
function grow(tree: Tree, event: RecordedEvent, followers: Followers): void {
  const place = printPlace(event);
  for (const follower of followers.events) {
    const { steps = [], causationId } = follower.metadata;
    const follows = steps.length > 0 ? steps[0]?.ref === place : causationId === event.id;
    if (!follows || follower.position <= event.position) continue;
    const end = [...steps.slice(1).map(stepNode), commandNode(follower)].reduce(branch, tree);
    grow(branch(end, eventNode(follower)), follower, followers);
  }
  for (const { steps, kind, name, id, at, state } of followers.waiting) {
    if (steps[0]?.ref !== place) continue;
    const way = steps.slice(1).map(stepNode).reduce(branch, tree);
    branch(way, { kind, name, id, at, actor: null, state });
  }
}

function branch(tree: Tree, node: LineageNode): Tree {
  const key = `${node.kind} ${String(node.id)}`;
  let child = tree.children.get(key);
  if (child === undefined) tree.children.set(key, (child = { node, children: new Map() }));
  return child;
}

function flat(tree: Tree, depth: number): readonly PlacedNode[] {
  return [...tree.children.values()].flatMap((child) => [
    { ...child.node, depth },
    ...flat(child, depth + 1),
  ]);
}

function byPosition(a: RecordedEvent, b: RecordedEvent): number {
  return a.position < b.position ? -1 : 1;
}
