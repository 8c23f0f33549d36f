/**
 * `-o`: which printer a word asks for. Upstream: kubectl/pkg/cmd/get/get_flags.go and cli-runtime/pkg/genericclioptions.
 */
import { readFileSync } from 'node:fs';
import { FormatError, type JsonPath, parseJsonPath } from '../../apimachinery/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import { type CustomColumns, parseCustomColumns, readCustomColumns } from './custom-columns.ts';

export type OutputFormat =
  | { readonly kind: 'table'; readonly wide: boolean }
  | { readonly kind: 'json' | 'yaml' | 'name' }
  | { readonly kind: 'jsonpath'; readonly template: string; readonly path: JsonPath; readonly asJson: boolean }
  | { readonly kind: 'custom-columns'; readonly columns: CustomColumns };

export interface OutputFormatOptions {
  /** `--template`: the template when `-o` names only its kind. */
  readonly template?: string;
  /** Default true. */
  readonly allowMissingKeys?: boolean;
  /** Formats of this command, for the text of an error. Default: all of `get`. */
  readonly formats?: readonly string[];
}

const getFormats = [
  'custom-columns',
  'custom-columns-file',
  'json',
  'jsonpath',
  'jsonpath-as-json',
  'jsonpath-file',
  'name',
  'wide',
  'yaml',
];

const goTemplates = ['go-template', 'go-template-file', 'template', 'templatefile'];

/** @throws UserError for an unknown word, a missing or broken template, a file that cannot be read. */
export function parseOutputFormat(output = '', options: OutputFormatOptions = {}): OutputFormat {
  const { template = '', allowMissingKeys = true, formats = getFormats } = options;
  const [word = '', ...rest] = output.split('=');
  const argument = template || rest.join('=');
  if (output === '' && template === '') return { kind: 'table', wide: false };
  if (goTemplates.includes(word) || output === '') {
    throw new UserError(
      'Go templates are not supported; say the same with -o jsonpath=…, -o custom-columns=…, or -o json and a program',
      exitCodes.usage,
    );
  }
  if (formats.includes(word) || formats.includes(output.toLowerCase())) {
    switch (word) {
      case 'wide':
        return { kind: 'table', wide: true };
      case 'name':
        return { kind: 'name' };
      case 'jsonpath':
      case 'jsonpath-as-json':
      case 'jsonpath-file':
        return jsonPathFormat(word, argument, allowMissingKeys);
      case 'custom-columns':
      case 'custom-columns-file':
        if (argument === '') throw new UserError('custom-columns format specified but no custom columns given');
        return { kind: 'custom-columns', columns: customColumns(word, argument) };
      default: {
        const plain = output.toLowerCase();
        if (plain === 'json' || plain === 'yaml') return { kind: plain };
      }
    }
  }
  throw new UserError(
    `unable to match a printer suitable for the output format ${JSON.stringify(output)}, allowed formats are: ${[...formats].sort().join(',')}`,
  );
}

function jsonPathFormat(word: string, argument: string, allowMissingKeys: boolean): OutputFormat {
  if (argument === '') throw new UserError('template format specified but no template given');
  let template = argument;
  if (word === 'jsonpath-file') {
    template = readTemplate(argument, (why) => `error reading --template ${argument}, ${why}`);
  }
  try {
    const path = parseJsonPath(template, { allowMissingKeys });
    return { kind: 'jsonpath', template, path, asJson: word === 'jsonpath-as-json' };
  } catch (error) {
    if (error instanceof FormatError) throw new UserError(`error parsing jsonpath ${template}, ${error.message}`);
    throw error;
  }
}

function customColumns(word: string, argument: string): CustomColumns {
  if (word === 'custom-columns') return parseCustomColumns(argument);
  return readCustomColumns(readTemplate(argument, (why) => `error reading template ${argument}, ${why}`));
}

function readTemplate(file: string, message: (why: string) => string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(message(`open ${file}: ${code === 'ENOENT' ? 'no such file or directory' : code}`));
  }
}
