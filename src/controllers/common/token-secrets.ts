/** Secrets that hold a service account's token. Upstream: core/v1/types.go, pkg/serviceaccount/legacy.go. */

export const tokenSecretType = 'kubernetes.io/service-account-token';
export const serviceAccountNameAnnotation = 'kubernetes.io/service-account.name';
export const serviceAccountUidAnnotation = 'kubernetes.io/service-account.uid';
/** Written by whoever authenticates with one: a date. */
export const lastUsedLabel = 'kubernetes.io/legacy-token-last-used';
/** From this date on it counts as invalid. */
export const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since';
