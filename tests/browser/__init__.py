"""A package, so that pytest can close the browser once these tests are done: `scope="package"`."""
