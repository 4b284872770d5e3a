/** Phrases that only the schema library uses. */
export const schemasWords =
  /invalid (input|option|key|element|string|number|type|url|uuid)|too (small|big)|expected |received |\bnan\b|must match pattern|unrecognized|undefined|\[object/i;
