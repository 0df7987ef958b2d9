/**
 * A file of the project as the architecture's rules see it, parsed once by the TypeScript compiler;
 * and the shape of a rule and of its findings.
 *
 * A rule gets the whole tree and reads nothing else. So its samples, which are small trees that
 * break or keep the rule, are checked in the same way as the project. Parsing gives syntax and no
 * types: a rule sees an import under another name, and does not see a value that passes through a
 * variable.
 */

import ts from "typescript";

/** A breach: its place, the text found there, and what to do instead. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly found: string;
  readonly advice: string;
}

/** A small tree. `at` names each place, `path:line`, where the rule must fire. */
export interface BrokenSample {
  readonly at: readonly [string, ...string[]];
  readonly files: Readonly<Record<string, string>>;
}

export interface Rule {
  /** A sentence that is true while every file keeps the rule. */
  readonly name: string;
  check(tree: readonly Source[]): Finding[];
  /** Trees that break the rule, at least one: they prove that it still works. */
  readonly broken: readonly [BrokenSample, ...BrokenSample[]];
  /** Trees that look similar and keep the rule. */
  readonly kept: readonly Readonly<Record<string, string>>[];
}

export interface Literal {
  readonly text: string;
  readonly node: ts.Node;
  /** The tag of a tagged template, as written. */
  readonly tag: string | undefined;
}

/** One text file of the project; `path` is relative to the project's folder, with `/`. */
export class Source {
  readonly folder: string;
  readonly isTypeScript: boolean;
  readonly isTest: boolean;
  #ast: ts.SourceFile | undefined;
  #nodes: ts.Node[] | undefined;

  constructor(readonly path: string, readonly text: string) {
    this.folder = path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
    this.isTypeScript = /\.tsx?$/.test(path);
    this.isTest = this.folder === "tests";
  }

  get ast(): ts.SourceFile {
    this.#ast ??= ts.createSourceFile(this.path, this.text, ts.ScriptTarget.Latest, true);
    return this.#ast;
  }

  /** Every node in the order of the text; none for a file that is not TypeScript. */
  get nodes(): readonly ts.Node[] {
    if (this.#nodes === undefined) {
      const nodes: ts.Node[] = [];
      const visit = (node: ts.Node) => {
        nodes.push(node);
        node.forEachChild(visit);
      };
      if (this.isTypeScript) visit(this.ast);
      this.#nodes = nodes;
    }
    return this.#nodes;
  }

  /** String and template literals. A `?` stands for each expression inside a template. */
  get literals(): Literal[] {
    return this.nodes.flatMap((node) => {
      const text = literalText(node);
      if (text === undefined) return [];
      const tag = ts.isTaggedTemplateExpression(node.parent)
        ? node.parent.tag.getText(this.ast)
        : undefined;
      return [{ text, node, tag }];
    });
  }

  /** The text with literals and regular expressions blanked out: code and comments, by line. */
  get withoutLiterals(): string {
    let text = this.text;
    for (const node of this.nodes) {
      if (!isLiteralPiece(node)) continue;
      const from = node.getStart(this.ast);
      const blank = this.text.slice(from, node.end).replace(/[^\n]/g, " ");
      text = text.slice(0, from) + blank + text.slice(node.end);
    }
    return text;
  }

  lineOf(node: ts.Node): number {
    return this.lineAt(node.getStart(this.ast));
  }

  lineAt(position: number): number {
    let line = 1;
    for (let at = this.text.indexOf("\n"); at !== -1 && at < position; line++) {
      at = this.text.indexOf("\n", at + 1);
    }
    return line;
  }

  finding(at: ts.Node | number, found: string, advice: string): Finding {
    const line = typeof at === "number" ? at : this.lineOf(at);
    return { path: this.path, line, found, advice };
  }
}

/** Every match of `pattern` in `text`, a text with the lines of `source`. */
export function findText(
  source: Source,
  text: string,
  pattern: RegExp,
  advice: string,
): Finding[] {
  return [...text.matchAll(pattern)].map((match) => {
    const found = match.at(-1) ?? match[0];
    const position = match.index + match[0].indexOf(found);
    return source.finding(source.lineAt(position), found, advice);
  });
}

function literalText(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map((span) => ` ? ${span.literal.text}`).join("");
}

function isLiteralPiece(node: ts.Node): boolean {
  return ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) ||
    ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node) ||
    ts.isRegularExpressionLiteral(node) || ts.isJsxText(node);
}
