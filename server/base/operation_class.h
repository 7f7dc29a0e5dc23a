#ifndef HOLDFAST_SERVER_BASE_OPERATION_CLASS_H_
#define HOLDFAST_SERVER_BASE_OPERATION_CLASS_H_

namespace holdfast {

// What an operation needs of the node; part of the declaration of every route and SSH command.
enum class OperationClass {
  kRetrieve,     // reads what the caller may see; every node that can serve answers it
  kPrimaryOnly,  // changes state; refused on every node that is not primary
  kNode,         // about this node: health, metrics, status; always answered
};

}  // namespace holdfast

#endif  // HOLDFAST_SERVER_BASE_OPERATION_CLASS_H_
