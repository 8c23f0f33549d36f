import { parseLabelSelector } from '../../apimachinery/index.ts';
import { UserError } from '../exit-codes.ts';

interface Expression {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

const operators: Readonly<Record<string, string>> = {
  in: 'In',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
};

/**
 * A selector as text, as the object that fields hold. `!=` has no counterpart there.
 * Upstream: apimachinery/pkg/apis/meta/v1, ParseToLabelSelector.
 */
export function selectorObject(text: string): object {
  let requirements: readonly { readonly key: string; readonly operator: string; readonly values: Iterable<string> }[];
  try {
    requirements = parseLabelSelector(text).requirements as never;
  } catch (error) {
    throw new UserError(`couldn't parse the selector string "${text}": ${(error as Error).message}`);
  }
  const matchLabels: Record<string, string> = {};
  const matchExpressions: Expression[] = [];
  for (const { key, operator, values: set } of requirements) {
    const values = [...set];
    if (operator === '=' || operator === '==') {
      matchLabels[key] = values[0]!;
      continue;
    }
    const name = operators[operator];
    if (name === undefined) throw new UserError(`${JSON.stringify(operator)} is not a valid label selector operator`);
    matchExpressions.push({ key, operator: name, ...(values.length > 0 && { values: values.sort() }) });
  }
  return {
    ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
    ...(matchExpressions.length > 0 && { matchExpressions }),
  };
}
