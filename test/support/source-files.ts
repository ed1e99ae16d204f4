/** The source as text and syntax, for rules that no linter has. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';

export const root = resolve(import.meta.dirname, '../..');

/** The workspaces' packages. */
export const packages: readonly string[] = (
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] }
).workspaces;

const notOurs = new Set(['node_modules', '.git', '.daybook', 'peers', 'coverage']);

/** Files below a folder with one of the endings, relative to the root. */
export function filesBelow(folder: string, endings: readonly string[]): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (notOurs.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path, endings);
    return endings.some((ending) => entry.name.endsWith(ending)) ? [path] : [];
  });
}

/** The text of a file, by its path from the root. */
export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Exported functions without a doc comment: `line name`. Overloads share the first one's comment. */
export function undocumentedFunctions(text: string): readonly string[] {
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  const documented = new Set<string>();
  const missing: string[] = [];
  for (const statement of source.statements) {
    const names = isExported(statement) ? functionNames(statement) : [];
    const hasDoc = ts.getJSDocCommentsAndTags(statement).length > 0;
    for (const name of names) {
      if (hasDoc) documented.add(name);
      else if (!documented.has(name)) {
        const { line } = source.getLineAndCharacterOfPosition(statement.getStart());
        missing.push(`${String(line + 1)} ${name}`);
      }
    }
  }
  return missing;
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function functionNames(statement: ts.Statement): readonly string[] {
  if (ts.isFunctionDeclaration(statement)) return [statement.name?.text ?? 'default'];
  if (!ts.isVariableStatement(statement)) return [];
  return statement.declarationList.declarations.flatMap(({ name, initializer }) =>
    initializer !== undefined &&
    (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer)) &&
    ts.isIdentifier(name)
      ? [name.text]
      : [],
  );
}
