"""
Adapters to other software, each optional: one file or folder each, imported by nothing else.

`openedx` asks the platform who a learner is and what a course is called; `django` has consumers in
the settings of a site.
"""
