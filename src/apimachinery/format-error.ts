import type { SourcePosition } from './types.ts';

/** What was handed to this room in a form it cannot read. API errors are `StatusError`; the caller translates. */
export type FormatErrorCode =
  | 'InvalidSelector'
  | 'InvalidQuantity'
  | 'InvalidDuration'
  | 'InvalidIntOrString'
  | 'InvalidJson'
  | 'InvalidYaml'
  | 'InvalidTyped'
  | 'InvalidPatch'
  | 'UnprocessablePatch'
  | 'InvalidFieldsV1'
  | 'InvalidJsonPath';

export interface FormatErrorOptions extends ErrorOptions {
  readonly position?: SourcePosition;
}

/** The room's one error class; `message` is upstream's text. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly code: FormatErrorCode;
  /** Where in a file, when that is known. */
  readonly position: SourcePosition | undefined;

  constructor(code: FormatErrorCode, message: string, options?: FormatErrorOptions) {
    super(message, options);
    this.code = code;
    this.position = options?.position;
  }
}
