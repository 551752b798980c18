"""
What rows are made of: readers of an event, and the parts of documents that they give.

Begin with `view`, the event as shapes see it. `site` knows the IRIs of a site, `urls` what may
leave in an address, `iris` the verbs and types of xAPI, `caliper` the entities of Caliper.
"""
