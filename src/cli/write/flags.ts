/** Flags that kubectl's writing commands share. Upstream: cli-runtime/pkg/genericclioptions, kubectl/pkg/cmd/util. */
import { boolean, string } from '@oclif/core/flags';

export const printFlags = {
  output: string({ char: 'o', summary: 'output format: json, yaml, name, jsonpath=…' }),
  template: string({ summary: 'with -o jsonpath, jsonpath-file: the template' }),
  'allow-missing-template-keys': boolean({
    summary: 'missing fields are no error in a template',
    default: true,
    allowNo: true,
  }),
  'show-managed-fields': boolean({ summary: 'keep managedFields in json and yaml' }),
};

export const dryRunFlag = {
  'dry-run': string({ summary: 'none, client (print only) or server (send without storing)', default: 'none' }),
};

/** `--field-manager` with the command's own name for a default, as kubectl has it. */
export function fieldManagerFlag(manager: string) {
  return { 'field-manager': string({ summary: 'the name under which fields are owned', default: manager }) };
}

export const fileFlags = {
  filename: string({
    char: 'f',
    summary: 'file, folder, URL, or - for stdin (may be repeated)',
    multiple: true,
    multipleNonGreedy: true,
    delimiter: ',',
  }),
  recursive: boolean({ char: 'R', summary: 'with -f: folders below folders too' }),
  kustomize: string({ char: 'k', summary: 'a folder with a kustomization.yaml' }),
};

export const selectFlags = {
  all: boolean({ summary: 'all objects of the named kinds' }),
  selector: string({ char: 'l', summary: 'label selector' }),
};

export const validateFlag = {
  validate: string({
    summary: 'unknown and duplicate fields: strict (or true), warn, ignore (or false)',
    default: 'strict',
  }),
};

export interface PrintFlags {
  readonly output?: string;
  readonly template?: string;
  readonly 'allow-missing-template-keys'?: boolean;
  readonly 'show-managed-fields'?: boolean;
}

export interface WriteFlags extends PrintFlags {
  readonly 'dry-run'?: string;
  readonly 'field-manager'?: string;
}

export interface FileFlags {
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
  readonly kustomize?: string;
}
