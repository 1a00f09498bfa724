/** One operation of the API. `Data` is what it answers. */
export interface Operation<Data, Variables> {
  /** In GraphQL. */
  readonly text: string;
  /** Never set: it only ties the two types to the operation. */
  readonly types?: (variables: Variables) => Data;
}
