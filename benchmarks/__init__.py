"""What backs each figure in the README: the suite beside other ways to do the same work, under the same load."""
