/** A browser as the tests of the client drive each of them. */
export interface Driver {
  /** Opens a page at a URL. */
  open(url: string): Promise<Page>
  close(): Promise<void>
}

export interface Page {
  /** Runs a function in the page; its (awaited) result comes back. */
  evaluate(work: (...args: any[]) => any, argument?: any): Promise<any>
  close(): Promise<void>
}
