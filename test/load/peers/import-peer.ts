/** Imports a package as seen from this folder, which has dependencies of its own. */
export function importPeer(name: string): Promise<unknown> {
  return import(name);
}
