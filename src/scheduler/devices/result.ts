/** What is written to a claim for the devices chosen. Upstream: allocator_incubating.go (Allocate, createNodeSelector). */
import type { Choice, ClaimChoices } from './allocator.ts';
import type { NodeSelectorFields } from './catalog.ts';
import type { AllocationFields, ResultFields } from './claims.ts';
import { quantityText } from './quantities.ts';
import type { ConfigFields } from './requests.ts';

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

interface Term {
  readonly matchFields?: readonly Requirement[];
  readonly matchExpressions?: readonly Requirement[];
}

/** `shareId` makes an id for one who shares a device. */
export function allocationFor(claim: ClaimChoices, node: string, shareId: () => string): AllocationFields {
  const config = configOf(claim);
  const nodeSelector = selectorOf(claim.choices, node);
  return {
    devices: {
      results: claim.choices.map((choice) => resultOf(choice, shareId)),
      ...(config.length > 0 && { config }),
    },
    ...(nodeSelector && { nodeSelector }),
  };
}

function resultOf({ wish, device, taken }: Choice, shareId: () => string): ResultFields {
  const { driver, pool, spec, capacities } = device;
  const { bindingConditions, bindingFailureConditions } = spec;
  const consumed =
    taken && [...taken].map(([name, amount]) => [name, quantityText(amount, capacities.get(name)!.format)]);
  return {
    request: wish.name,
    driver,
    pool,
    device: spec.name,
    ...(wish.adminAccess && { adminAccess: true }),
    ...(wish.tolerations && { tolerations: wish.tolerations }),
    ...(bindingConditions && { bindingConditions }),
    ...(bindingFailureConditions && { bindingFailureConditions }),
    ...(taken && { shareID: shareId() }),
    ...(consumed && consumed.length > 0 && { consumedCapacity: Object.fromEntries(consumed) }),
  };
}

/** Each class once, for all requests that use it; then what the claim says for requests that were met. */
function configOf({ plan, choices }: ClaimChoices): object[] {
  const met = new Set(choices.map(({ wish }) => wish));
  const chosen = plan.requests.flatMap((wishes) => (wishes.length === 1 ? wishes : wishes.filter((w) => met.has(w))));
  const namesOfClass = new Map<string, { readonly config: readonly ConfigFields[]; readonly names: string[] }>();
  for (const { deviceClass, name } of chosen) {
    const key = deviceClass.metadata.name!;
    const known = namesOfClass.get(key);
    if (known) known.names.push(name);
    else namesOfClass.set(key, { config: deviceClass.spec?.config ?? [], names: [name] });
  }
  const fromClasses = [...namesOfClass.values()].flatMap(({ config, names }) =>
    config.map((fields) => ({ source: 'FromClass', requests: names, ...fields })),
  );
  const fromClaim = plan.config.flatMap((fields) => {
    const { requests = [] } = fields;
    const entry = { source: 'FromClaim', ...fields };
    if (requests.length === 0) return [entry];
    return plan.requests.flatMap((wishes) =>
      requests.includes(wishes[0]!.request) || wishes.some((wish) => met.has(wish) && requests.includes(wish.name))
        ? [entry]
        : [],
    );
  });
  return [...fromClasses, ...fromClaim];
}

/** Where the devices can be used: on this node alone when one of them is local, else where all of them are. */
function selectorOf(choices: readonly Choice[], node: string): NodeSelectorFields | undefined {
  const fields: Requirement[] = [];
  const expressions: Requirement[] = [];
  for (const { device } of choices) {
    const { nodeName, nodeSelector } = device.slice.perDeviceNodeSelection ? device.spec : device.slice;
    if (nodeName !== undefined || device.spec.bindsToNode) {
      const only = { key: 'metadata.name', operator: 'In', values: [node] };
      return { nodeSelectorTerms: [{ matchFields: [only] }] } as NodeSelectorFields;
    }
    const term = nodeSelector?.nodeSelectorTerms[0] as Term | undefined;
    addNew(fields, term?.matchFields);
    addNew(expressions, term?.matchExpressions);
  }
  if (fields.length + expressions.length === 0) return undefined;
  const term = {
    ...(expressions.length > 0 && { matchExpressions: expressions }),
    ...(fields.length > 0 && { matchFields: fields }),
  };
  return { nodeSelectorTerms: [term] } as unknown as NodeSelectorFields;
}

function addNew(to: Requirement[], from: readonly Requirement[] = []): void {
  const canon = ({ key, operator, values = [] }: Requirement) =>
    JSON.stringify([key, operator, [...new Set(values)].sort()]);
  const known = new Set(to.map(canon));
  for (const requirement of from) {
    if (known.has(canon(requirement))) continue;
    known.add(canon(requirement));
    to.push(requirement);
  }
}
