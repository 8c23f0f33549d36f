import type { CelSchemaValidator, JSONSchemaProps } from './types.ts';

export interface CompileSchemaRulesOptions {
  /** The schema is of a whole object: apiVersion, kind, metadata.name and metadata.generateName are known. Default true. */
  readonly isResourceRoot?: boolean;
}

/**
 * Compiles every `x-kubernetes-validations` rule in the schema, once; undefined when it has none. Does not throw: a rule
 * that does not compile is an error of every validation.
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema/cel NewValidator.
 */
export function compileSchemaRules(
  _schema: JSONSchemaProps,
  _options: CompileSchemaRulesOptions = {},
): CelSchemaValidator | undefined {
  return undefined; // The evaluator follows in the next commits; until then rules are stored and not run.
}
